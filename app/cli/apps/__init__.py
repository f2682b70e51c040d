"""Commands for applications, keys and streams."""
