"""Which commands there are, and what becomes of their success and failure: 0 done, 1 failed, 2 not understood.

It decides the words and the exit codes. No failure that can be foreseen leaves a traceback: each is one line that says
what to do next.
"""

import argparse
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app import telemetry
from app.cli import (
    bench,
    chaos,
    check,
    demo,
    explain,
    feedback,
    forget,
    held,
    incidents,
    keys,
    lanes,
    list_files,
    news,
    recovery,
    reviews,
    secret,
    send,
    ses,
    settings,
    streams,
    suppressions,
    sync,
    up,
)
from app.cli.command import Command, CommandFailed, UsageMistake
from app.cli.embedded import CannotEmbed
from app.cli.probes import PortInUse
from app.cli.supervise import ChildFailed
from app.cli.terminal import Terminal
from app.domain.errors import PosternError
from config import SettingsError

DONE, FAILED, NOT_UNDERSTOOD, INTERRUPTED = 0, 1, 2, 130

COMMANDS: tuple[Command, ...] = (
    demo.COMMAND,
    up.COMMAND,
    send.COMMAND,
    *keys.COMMANDS,
    check.COMMAND,
    *suppressions.COMMANDS,
    reviews.COMMAND,
    explain.COMMAND,
    forget.COMMAND,
    *list_files.COMMANDS,
    sync.COMMAND,
    news.COMMAND,
    *streams.COMMANDS,
    *lanes.COMMANDS,
    *held.COMMANDS,
    *incidents.COMMANDS,
    feedback.COMMAND,
    *recovery.COMMANDS,
    ses.COMMAND,
    secret.COMMAND,
    settings.COMMAND,
    bench.COMMAND,
    chaos.COMMAND,
)
GROUPS = {
    "suppressions": "the suppression list",
    "incidents": "what an operator has to see",
    "key": "the API keys of applications",
    "recovery": "a database that was restored to an earlier moment",
    "stream": "streams of mail: their titles, and one-click unsubscribe",
    "ses": "the SES account behind the gateway",
}


class Parser(ArgumentParser):
    """Reads the words after the name of a group as those of its default command when they name none of it."""

    commands: "_SubParsersAction[Parser]"
    default: str | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """What argparse reads."""
        if self.default is not None and not (args and args[0] in {*self.commands.choices, "-h", "--help"}):
            args = [self.default, *args]
        return super().parse_known_args(args, namespace)


def main(words: Sequence[str]) -> int:
    """Run one command line and return its exit code; argparse itself exits with 2 on a mistake."""
    telemetry.configure("ERROR")
    given = make_parser().parse_args(list(words))
    terminal = Terminal(as_json=given.json)
    try:
        return DONE if given.command.run(given, terminal) else FAILED
    except UsageMistake as mistake:
        terminal.fail(f"{mistake} (see `postern {' '.join(given.command.words)} --help`)")
        return NOT_UNDERSTOOD
    except ChildFailed as death:
        terminal.fail(str(death), tail=death.tail)
    except (CommandFailed, CannotEmbed, PortInUse, SettingsError) as failure:
        terminal.fail(str(failure))
    except PosternError as refusal:
        terminal.fail(in_one_line(refusal))
    except SQLAlchemyError as failure:
        terminal.fail(f"the database failed ({type(failure).__name__}): check DATABASE_URL and `alembic upgrade head`")
    except BrokenPipeError:
        sys.stderr.close()
    except OSError as failure:
        terminal.fail(f"{failure.strerror or failure}: {failure.filename or 'no file'}")
    except KeyboardInterrupt:
        return INTERRUPTED
    return FAILED


def in_one_line(refusal: PosternError) -> str:
    """The refusal of a service, with each field that it is about."""
    told = dict.fromkeys([refusal.detail, *(fault.detail for fault in refusal.faults)])
    return " ".join(told)


def make_parser() -> Parser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="postern",
        description="Postern, an outbound mail gateway with suppression built in.",
        epilog="`postern COMMAND --help` shows an example of each. Also: `postern test [PYTEST ARGS]`.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    groups: dict[str, Parser] = {}
    for command in COMMANDS:
        place = commands
        if len(command.words) == 2:
            group = command.words[0]
            if group not in groups:
                groups[group] = _group(commands, group)
            place = groups[group].commands
            if command.default:
                groups[group].default = command.words[1]
        _add(place, command)
    return parser


def _group(commands: "_SubParsersAction[Parser]", name: str) -> Parser:
    parser = commands.add_parser(name, help=GROUPS[name], description=f"Commands for {GROUPS[name]}.")
    parser.commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    return parser


def _add(place: "_SubParsersAction[Parser]", command: Command) -> None:
    description = f"{command.summary}.\n\n{command.detail}" if command.detail else f"{command.summary}."
    parser = place.add_parser(
        command.words[-1],
        help=command.summary,
        description=description,
        epilog=f"example:\n  {command.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if command.arguments is not None:
        command.arguments(parser)
    parser.add_argument("--json", action="store_true", help="tell the result as one JSON object, in the last line")
    parser.set_defaults(command=command)
