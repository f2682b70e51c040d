"""Commands of the suppression list and its files."""
