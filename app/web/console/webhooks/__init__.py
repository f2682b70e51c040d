"""The pages of the console about the endpoints of applications."""
