"""An endpoint for outgoing webhooks: it keeps what comes, and misbehaves when asked to."""
