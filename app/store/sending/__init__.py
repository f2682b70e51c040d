"""Rows of recipients and attempts, claims, circuits, and the flight recorder."""
