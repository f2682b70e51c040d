"""The states of a recipient, and the rules for attempts and unknown outcomes."""
