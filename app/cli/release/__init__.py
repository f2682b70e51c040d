"""Commands about the code itself: its version, its locks, and what it is made of."""
