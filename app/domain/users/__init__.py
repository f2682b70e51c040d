"""A user is a person who signs in to the console: roles, names, passwords, and when a name is locked."""
