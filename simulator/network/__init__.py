"""A TCP proxy that can delay, cut and drop what passes through it."""
