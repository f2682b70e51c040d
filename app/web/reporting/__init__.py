"""Routes and pages that report what became of emails, in words and in counts."""
