"""The baseline: the application that tutorials teach. Flask, a Celery task per email, the ORM, one boto3 client.

It is as good as that design allows: late acknowledgement, one client and one engine per process, an idempotency key, a
look-up in a Redis set before the call, and durable commits. It stays as it is, so that results remain comparable.
"""
