"""Notifications in, events out, and what follows from them."""
