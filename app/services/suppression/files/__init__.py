"""Import and export of the suppression list as files."""
