"""SQS queues that SNS delivers to: their URLs, and the calls that receive and delete messages."""
