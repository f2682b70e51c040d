"""Commands that tell what became of emails."""
