"""Fill the queue of the Django baseline: `python -m bench.django.fill MAILS`, with the text on standard input."""

import sys

import django
from django.core.mail import EmailMessage
from django.core.management import call_command

from bench.django.worker import app


def main(emails: int, text: str) -> None:
    """Create the tables if they are missing, and send each email by itself, as an application does."""
    app.set_default()
    django.setup()
    call_command("migrate", verbosity=0)
    for number in range(emails):
        message = EmailMessage("You are invited", text, "invites@example.com", [f"person{number}@example.net"])
        message.send()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.stdin.read())
