"""The options by which several commands filter a list."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from app.cli.shell.command import duration
from app.domain.moments import read_since, read_until


def add_choice(parser: ArgumentParser, option: str, what: str, choices: Iterable[str]) -> None:
    """Add an option with a closed vocabulary, which may be repeated."""
    words = list(choices)
    parser.add_argument(
        option,
        choices=words,
        action="append",
        default=[],
        metavar=option.removeprefix("--").upper(),
        help=f"{what}: {', '.join(words)}; may be repeated",
    )


def add_times(parser: ArgumentParser) -> None:
    """Add `--since` and `--until`."""
    when = "a date (UTC), a time, or how long ago: 12h, 30d"
    parser.add_argument("--since", type=moment(read_since), metavar="TIME", help=when)
    parser.add_argument("--until", type=moment(read_until), metavar="TIME", help="as --since; a date is included")


def add_limit(parser: ArgumentParser) -> None:
    """Add the length of a page."""
    parser.add_argument("--limit", type=_limit, default=20, metavar="N", help="how many, at most 100 (20)")


def moment(read: Callable[[str], datetime | None]) -> Callable[[str], datetime]:
    """An argparse type for a time: as `read` reads it, or how long ago it was."""

    def parse(text: str) -> datetime:
        if (found := read(text)) is not None:
            return found
        try:
            return datetime.now(UTC) - duration(text)
        except ArgumentTypeError:
            raise ArgumentTypeError("give a date such as 2026-03-01, a time with its offset, or 12h, 30d") from None

    return parse


def tag(text: str) -> tuple[str, str]:
    """Parse `NAME:VALUE`, as an argparse type."""
    name, colon, value = text.partition(":")
    if not (name and colon):
        raise ArgumentTypeError("a tag is NAME:VALUE")
    return name, value


def _limit(text: str) -> int:
    """Parse the length of a page, as an argparse type."""
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise ArgumentTypeError("give a number from 1 to 100")
    return int(text)
