"""Rows of applications, their budgets and pauses, their use of limits, their API keys and streams."""
