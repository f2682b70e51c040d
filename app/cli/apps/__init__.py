"""Commands for applications, their budgets, keys and streams."""
