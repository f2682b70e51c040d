"""Checks of the AWS account behind the gateway. They only read."""
