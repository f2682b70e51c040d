"""What SES's events mean: causes of bounces, and what may follow from an event."""
