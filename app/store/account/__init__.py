"""Rows of the AWS account's suppression list, and the slots for calls to it."""
