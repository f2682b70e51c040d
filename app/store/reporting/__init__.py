"""Rows behind outcomes, and the links to pages of them."""
