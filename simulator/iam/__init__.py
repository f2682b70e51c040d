"""The policies of topics and queues, and who may do what by them."""
