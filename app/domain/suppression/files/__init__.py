"""The formats of suppression list files."""
