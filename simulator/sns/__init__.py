"""The simulated SNS: topics, signing, delivery and retries."""
