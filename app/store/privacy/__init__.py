"""Pseudonyms, and the rows that are erased when a person is forgotten."""
