"""SQL and Redis: knows rows, never commits."""
