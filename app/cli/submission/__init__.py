"""Commands that send an email, and check whether one would be sent."""
