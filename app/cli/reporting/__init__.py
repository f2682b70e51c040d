"""Commands that report what became of emails, in words and in counts."""
