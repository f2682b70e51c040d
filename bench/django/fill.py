"""Fill its queue: `python -m bench.django.fill MAILS`, with the text of a mail on standard input."""

import sys

import django
from django.core.mail import EmailMessage
from django.core.management import call_command

from bench.django.worker import app


def main(mails: int, text: str) -> None:
    """Make its tables if they are not there, and send each mail as an application does: on its own."""
    app.set_default()
    django.setup()
    call_command("migrate", verbosity=0)
    for number in range(mails):
        message = EmailMessage("You are invited", text, "invites@example.com", [f"person{number}@example.net"])
        message.send()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.stdin.read())
