"""Notifications that come through SQS: the intake of the workers, and what a person brings back from a queue."""
