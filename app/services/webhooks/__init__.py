"""Webhooks: the outbox of events, their delivery, and the endpoints that get them."""
