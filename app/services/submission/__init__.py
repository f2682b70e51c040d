"""Taking an email in, looking it up, and changing it."""
