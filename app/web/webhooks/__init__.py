"""The routes of webhooks: endpoints and their deliveries."""
