"""The HTTP route that SNS posts notifications to."""
