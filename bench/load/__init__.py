"""What a benchmark puts on a gateway: emails, notifications, list entries and clients."""
