"""Calls to SES: sending, the account and its suppression list, and the connections below them."""
