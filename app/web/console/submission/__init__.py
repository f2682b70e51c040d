"""The pages of the console about emails."""
