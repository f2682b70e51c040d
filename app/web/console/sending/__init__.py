"""The pages of the console about emails that wait for a person."""
