"""Outcomes in plain words: why an email bounced."""
