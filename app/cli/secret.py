"""`postern secret`: a new key for SECRET_KEYS."""

import secrets
from argparse import Namespace

from app.cli.command import Command
from app.cli.terminal import Terminal

KEY_BYTES = 32


def run(_given: Namespace, terminal: Terminal) -> bool:
    """Print the key and nothing else, so that it can be piped."""
    key = secrets.token_urlsafe(KEY_BYTES)
    if not terminal.as_json:
        terminal.say(key)
    terminal.answer({"secret_key": key})
    return True


COMMAND = Command(
    words=("secret",),
    summary="make a key for SECRET_KEYS",
    detail="To renew the key, put the new one before the old ones, separated by a comma, and restart all processes.",
    example='echo "SECRET_KEYS=$(./postern secret)" >> .env',
    run=run,
)
