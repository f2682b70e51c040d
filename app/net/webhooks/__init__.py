"""Posts to the endpoints of applications."""
