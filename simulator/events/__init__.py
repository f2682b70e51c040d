"""The simulated mailboxes, and the events that SES publishes about them."""
