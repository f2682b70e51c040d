"""The pages of the console about notifications that could not be read."""
