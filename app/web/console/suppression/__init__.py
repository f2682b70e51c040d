"""The pages of the console about the suppression list."""
