"""The simulated SQS: queues, their messages, and the JSON protocol."""
