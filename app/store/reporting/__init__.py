"""What became of emails, in numbers: counts and how they are folded."""
