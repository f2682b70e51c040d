"""The simulator's own API and its inbox page, for tests and people."""
