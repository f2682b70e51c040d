"""Applications, their API keys and their streams."""
