"""Upkeep, health, metrics, incidents, pauses, key rotation, and database recovery."""
