"""The baseline: the application that the tutorials lead to. Flask, a Celery task per mail, the ORM, one boto3 client.

It is made as well as that design allows: late acknowledgement, one client and one engine per process, an idempotency
key, a look into a Redis set before the call, and every commit durable. It is measured as it is, never improved.
"""
