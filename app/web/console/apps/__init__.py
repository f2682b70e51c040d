"""The pages of the console about applications."""
