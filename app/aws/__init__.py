"""Adapters to SES and SNS. Raw AWS shapes come in here and stop here: no other layer sees them."""
