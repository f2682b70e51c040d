"""Callers and their scopes, and the limits and budgets of applications."""
