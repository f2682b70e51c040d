"""What a command is, how it fails, and the words that several commands read alike. It prints nothing."""

import argparse
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from app.cli.terminal import Terminal

_DURATION = re.compile(r"([1-9]\d{0,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class CommandFailed(Exception):
    """The command could not do its work; the text is one line that says what to do next."""


class UsageMistake(Exception):
    """The words of the command line do not go together; the text is one line that says which would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: `words` as they are typed (`("key", "create")`), a line of help, an example, and what it does.

    `run` returns whether all went well; what it tells, it tells the terminal.
    A `default` is meant by its first word alone.
    """

    words: tuple[str, ...]
    summary: str
    example: str
    run: Callable[[Namespace, Terminal], bool]
    arguments: Callable[[ArgumentParser], None] | None = None
    detail: str = ""
    default: bool = False


def duration(text: str) -> timedelta:
    """`90d`, `12h`, `30m` or `2w` as argparse reads an option."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError("a time is a number and a unit: 30m, 12h, 90d or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def add_data_option(parser: ArgumentParser) -> None:
    """`--data`, for commands that work on a gateway that `up` runs or ran."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the data directory of `postern up`; default: the settings of the environment, else ./data",
    )
