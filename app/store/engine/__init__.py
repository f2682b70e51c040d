"""The machinery of SQL and Redis: connections, clocks, ids, and statements for many rows."""
