"""Rows of emails, and their sealed bodies."""
