"""Callers and their scopes."""
