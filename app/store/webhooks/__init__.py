"""Webhooks in SQL: endpoints and their secrets, the outbox, its deliveries, and what a payload is made of."""
