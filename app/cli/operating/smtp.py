"""`postern smtp`: run the SMTP door in this terminal."""

import os
import sys
from argparse import Namespace

from app.cli.shell.command import Command
from app.cli.shell.terminal import Terminal


def run(_given: Namespace, _terminal: Terminal) -> bool:
    """Become the door, which ends with a signal."""
    os.execv(sys.executable, (sys.executable, "-P", "-m", "app.smtp"))  # noqa: S606 - no shell is wanted


COMMAND = Command(
    words=("smtp",),
    summary="run the SMTP door, by which applications submit email with a host name and a password",
    detail=(
        "Listens at SMTP_PORT (STARTTLS) and SMTP_TLS_PORT (TLS at once) until SIGTERM, and then lets messages that\n"
        "are under way come to their end. User and password are the id and the secret of an API key with the scope\n"
        "smtp. It reads a renewed certificate by itself. docs/smtp.md has the rest."
    ),
    example=("SMTP_PORT=587 SMTP_CERTIFICATE=fullchain.pem SMTP_CERTIFICATE_KEY=privkey.pem ./postern smtp"),
    run=run,
)
