"""Rows of notifications, events and signing certificates."""
