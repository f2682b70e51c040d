"""Commands of webhooks: endpoints and their deliveries."""
