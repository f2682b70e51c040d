"""Fill the queue of the tutorial: `python -m bench.tutorial.fill MAILS SIZE`. Rows of an earlier round are dropped."""

import sys

from bench.baselines.bare_boto3 import message
from bench.tutorial.models import Base, Email, engine, make_session
from bench.tutorial.worker import send


def main(emails: int, size: int) -> None:
    """Write the rows and publish a task for each."""
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    text = message(size).decode()
    with make_session() as session:
        rows = [
            Email(
                app="bench",
                sender="invites@example.com",
                recipient=f"person{number}@example.net",
                subject="You are invited",
                text=text,
            )
            for number in range(emails)
        ]
        session.add_all(rows)
        session.commit()
        ids = [row.id for row in rows]
    for mail_id in ids:
        send.delay(mail_id)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
