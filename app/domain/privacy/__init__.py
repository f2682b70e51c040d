"""Pseudonyms and redaction."""
