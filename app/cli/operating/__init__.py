"""Commands for incidents and database recovery."""
