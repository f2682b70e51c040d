"""The definition of a command, the ways in which it fails, and the options that several commands share."""

import argparse
import re
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path

from app.cli.shell.terminal import Terminal

_DURATION = re.compile(r"([1-9]\d{0,4})([mhdw])")
_LONGEST_WAIT_S = 3600
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class CommandFailed(Exception):
    """The command could not do its work. The text is one line that says what to do next."""


class UsageMistake(Exception):
    """The options of the command line contradict each other. The text is one line that says what to change."""


class Ended(IntEnum):
    """The exit code of a command that distinguishes unfinished work from trouble."""

    DONE = 0
    UNFINISHED = 1
    TROUBLE = 2


class PlanEnded(IntEnum):
    """The exit code of a command that compares what is with what shall be."""

    NOTHING_TO_DO = 0
    TROUBLE = 1
    TO_DO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: `words` as they are typed (`("key", "create")`), a line of help, an example, and its function.

    `run` prints to the terminal, and returns whether the command succeeded, or its exit code.
    A `default` command also runs when only the first of its words is given.
    """

    words: tuple[str, ...]
    summary: str
    example: str
    run: Callable[[Namespace, Terminal], bool | Ended | PlanEnded]
    arguments: Callable[[ArgumentParser], None] | None = None
    detail: str = ""
    default: bool = False


def duration(text: str) -> timedelta:
    """Parse a duration such as `90d`, `12h`, `30m` or `2w`, as an argparse type."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError("a time is a number and a unit: 30m, 12h, 90d or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def moment(read: Callable[[str], datetime | None]) -> Callable[[str], datetime]:
    """An argparse type for a time that `read` reads, or for how long ago it was."""

    def parse(text: str) -> datetime:
        if (found := read(text)) is not None:
            return found
        try:
            return datetime.now(UTC) - duration(text)
        except argparse.ArgumentTypeError:
            rule = "give a date such as 2026-03-01, a time with its offset, or 12h, 30d"
            raise argparse.ArgumentTypeError(rule) from None

    return parse


def seconds(*, or_none: bool = False) -> Callable[[str], float]:
    """An argparse type for a number of seconds, at most an hour; with `or_none` it may be 0."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError("a number of seconds") from error
        if not (0 < number <= _LONGEST_WAIT_S or (or_none and number == 0)):
            lowest = "0" if or_none else "more than 0"
            raise argparse.ArgumentTypeError(f"{lowest} and at most {_LONGEST_WAIT_S} seconds")
        return number

    return parse


def parsed_by(read: Callable[[str], str]) -> Callable[[str], str]:
    """An argparse type that reads text by a rule, and whose error names the rule."""

    def parse(text: str) -> str:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse


def on_gateway(command: str, data: Path | None) -> str:
    """The command with the `--data` that was given to this one, so that it works on the same gateway when pasted."""
    return f"{command} --data {shlex.quote(str(data))}" if data else command


def add_data_option(parser: ArgumentParser) -> None:
    """Add `--data`, for commands that can work on the gateway of `postern up`."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="work on the gateway of this data directory of `postern up`; default: on the gateway that the environment "
        "configures, else on that of ./data",
    )
