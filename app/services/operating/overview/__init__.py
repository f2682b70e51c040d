"""The overview: whether email goes out now, and what is wrong."""
