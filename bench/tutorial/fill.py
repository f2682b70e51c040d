"""Fill its queue: `python -m bench.tutorial.fill MAILS SIZE`. The rows of an earlier round are dropped."""

import sys

from bench.bare import message
from bench.tutorial.models import Base, Mail, engine, make_session
from bench.tutorial.worker import send


def main(mails: int, size: int) -> None:
    """Write the rows, and publish a task for each."""
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    text = message(size).decode()
    with make_session() as session:
        rows = [
            Mail(
                app="bench",
                sender="invites@example.com",
                recipient=f"person{number}@example.net",
                subject="You are invited",
                text=text,
            )
            for number in range(mails)
        ]
        session.add_all(rows)
        session.commit()
        ids = [row.id for row in rows]
    for mail_id in ids:
        send.delay(mail_id)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
