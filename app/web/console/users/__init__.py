"""The pages of the console to sign in, and about the people who do."""
