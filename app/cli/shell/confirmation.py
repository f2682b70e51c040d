"""A question to the person at the terminal, who types a word to go on."""

import sys

from app.cli.shell.command import CommandFailed, UsageMistake
from app.cli.shell.terminal import harmless


def confirm(request: str, *, word: str) -> None:
    """Go on only if the word is typed. Raises `UsageMistake` without a terminal, `CommandFailed` for another answer."""
    if not sys.stdin.isatty():
        raise UsageMistake("there is no terminal to confirm this on: pass --yes")
    sys.stderr.write(f"{harmless(request)} Type `{word}` to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != word:
        raise CommandFailed("nothing was done")
