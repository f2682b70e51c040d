"""Archives of old emails in files."""
