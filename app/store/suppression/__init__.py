"""Rows of the suppression list, its changes and reviews, and its cache in Redis."""
