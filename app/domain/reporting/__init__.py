"""What became of an email, in words for people."""
