"""What became of emails, for people: what is counted of them."""
