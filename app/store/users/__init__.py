"""Rows of users, their sessions, their links, and the failures to sign in."""
