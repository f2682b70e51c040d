"""Rows of applications, API keys, idempotency keys and streams."""
