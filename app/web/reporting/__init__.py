"""Routes and pages that tell people what became of their emails."""
