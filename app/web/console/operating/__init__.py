"""The pages of the console about the gateway itself: the front page, incidents, and what was done."""
