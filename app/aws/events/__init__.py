"""The events that SES publishes, read from JSON into the types of the domain."""
