"""What became of emails: in words for people, and what is counted of it."""
