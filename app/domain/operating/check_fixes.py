"""What a person does about each check of `/readyz` that fails."""

from typing import Final

FIXES: Final = {
    "database": "see that DATABASE_URL names a PostgreSQL that answers and takes writes",
    "migrations": "run `alembic upgrade head` with the code that runs",
    "keys": "put the missing key back at the end of SECRET_KEYS",
    "worker": "start a worker: docs/operations.md",
    "redis": "see docs/operations.md, under Redis",
    "broker": "see docs/operations.md, under Redis",
    "sweeps": "start beat, and look for the errors of the named sweeps in the workers' log",
    "queues": "start a worker with SQS_QUEUE_URLS, and look for errors of the poller in its log",
    "canary": "run `./postern doctor --live`: it says where an event stops",
    "smtp": "start `./postern smtp`, and look for errors in its log",
    "signing_certificate": "see docs/operations.md, under /readyz",
}
