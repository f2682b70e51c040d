"""Rows behind outcomes and the links to them, and counts."""
