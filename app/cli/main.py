"""The command line: its commands, its error messages and its exit codes (0 done, 1 failed, 2 not understood).

An expected failure never prints a traceback. It prints one line that says what to do next.
"""

import sys
import textwrap
from argparse import Action, ArgumentParser, RawDescriptionHelpFormatter, _SubParsersAction
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app import telemetry
from app.cli.account import doctor, setup, setup_apply, setup_destroy, setup_plan, setup_template, sync_list
from app.cli.apps import apps, budgets, keys, streams, team
from app.cli.feedback import address_events, bounces, notifications, redrive, refused
from app.cli.local import bench, chaos, demo, simulator, up
from app.cli.local.children.embedded_valkey import CannotEmbed
from app.cli.local.children.port_checks import PortInUse
from app.cli.local.children.supervisor import ChildFailed
from app.cli.operating import alerts, archive, incidents, recovery, smtp, upgrade
from app.cli.privacy import forget
from app.cli.release import lock, sbom, version
from app.cli.reporting import outcomes, stats
from app.cli.sending import held, lanes
from app.cli.shell import secret, settings
from app.cli.shell.command import Command, CommandFailed, Ended, PlanEnded, UsageMistake
from app.cli.shell.terminal import Terminal
from app.cli.submission import check, emails, send
from app.cli.suppression import explain, files, reviews, suppressions
from app.cli.users import users
from app.cli.webhooks import webhooks
from app.domain.account.setup.trouble import SetupStopped
from app.domain.errors import PosternError
from app.version import VERSION
from config import SettingsError

_COLUMNS = 78
DONE, FAILED, NOT_UNDERSTOOD, INTERRUPTED = 0, 1, 2, 130

COMMANDS: tuple[Command, ...] = (
    demo.COMMAND,
    up.COMMAND,
    simulator.COMMAND,
    smtp.COMMAND,
    send.COMMAND,
    emails.COMMAND,
    outcomes.COMMAND,
    stats.COMMAND,
    *keys.COMMANDS,
    *apps.COMMANDS,
    *users.COMMANDS,
    *budgets.COMMANDS,
    team.COMMAND,
    check.COMMAND,
    *suppressions.COMMANDS,
    reviews.COMMAND,
    explain.COMMAND,
    forget.COMMAND,
    *files.COMMANDS,
    sync_list.COMMAND,
    address_events.COMMAND,
    *streams.COMMANDS,
    *webhooks.COMMANDS,
    *lanes.COMMANDS,
    *bounces.COMMANDS,
    *held.COMMANDS,
    *incidents.COMMANDS,
    *alerts.COMMANDS,
    notifications.COMMAND,
    refused.COMMAND,
    redrive.COMMAND,
    *recovery.COMMANDS,
    upgrade.COMMAND,
    *archive.COMMANDS,
    doctor.COMMAND,
    setup_plan.COMMAND,
    setup_apply.COMMAND,
    setup_destroy.COMMAND,
    setup_template.COMMAND,
    setup.COMMAND,
    *secret.COMMANDS,
    settings.COMMAND,
    version.COMMAND,
    sbom.COMMAND,
    lock.COMMAND,
    bench.COMMAND,
    chaos.COMMAND,
)
GROUPS = {
    "suppressions": "the suppression list",
    "bounces": "how replies of mail servers are read",
    "feedback": "notifications from SNS, and the queues that hold them",
    "incidents": "incidents that an operator has to look at",
    "alerts": "the channels on which you are alerted",
    "key": "the API keys of applications",
    "app": "applications: their senders, lanes and choices",
    "archive": "old emails in files",
    "recovery": "database recovery, after a restore to an earlier moment",
    "stream": "streams of email: their titles, and one-click unsubscribe",
    "secret": "the keys of SECRET_KEYS",
    "ses": "the SES account behind the gateway",
    "user": "the people who sign in to the console",
    "webhook": "the endpoints that get events of applications",
}


class HelpFormatter(RawDescriptionHelpFormatter):
    """Help for a terminal of 80 columns, whatever the terminal: `./postern --help` shows the same, from a file."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_COLUMNS)


class Parser(ArgumentParser):
    """A parser that runs a group's default command when the words after the group's name are none of its commands."""

    commands: "_SubParsersAction[Parser]"
    default: str | None = None

    @property
    def actions(self) -> Sequence[Action]:
        """The arguments and options, in the order in which they were added."""
        return tuple(self._actions)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, with the name of the default command put in front where it was left out."""
        if self.default is not None and not (args and args[0] in {*self.commands.choices, "-h", "--help"}):
            args = [self.default, *args]
        return super().parse_known_args(args, namespace)


def main(words: Sequence[str]) -> int:
    """Run one command line and return its exit code; argparse itself exits with 2 on a mistake."""
    telemetry.configure("ERROR")
    given = make_parser().parse_args(list(words))
    terminal = Terminal(as_json=given.json)
    try:
        ended: bool | Ended | PlanEnded = given.command.run(given, terminal)
        return int(ended) if isinstance(ended, Ended | PlanEnded) else DONE if ended else FAILED
    except UsageMistake as mistake:
        terminal.fail(f"{mistake} (see `postern {' '.join(given.command.words)} --help`)")
        return NOT_UNDERSTOOD
    except ChildFailed as death:
        terminal.fail(str(death), tail=death.tail)
    except (CommandFailed, CannotEmbed, PortInUse, SettingsError, SetupStopped) as failure:
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
        terminal.fail("stopped; what was done so far stays done")
        return INTERRUPTED
    return FAILED


def in_one_line(refusal: PosternError) -> str:
    """The error of a service with the detail of each of its faults, every text once."""
    sentences = dict.fromkeys([refusal.detail, *(fault.detail for fault in refusal.faults)])
    return " ".join(sentences)


def make_parser() -> Parser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="postern",
        description="Postern, an outbound mail gateway with suppression built in.",
        epilog="`postern COMMAND --help` shows an example of each.\n`postern test [PYTEST ARGS]` runs the tests.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"postern {VERSION}")
    commands = parser.commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
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
    parser = commands.add_parser(
        name, help=GROUPS[name], description=f"Commands for {GROUPS[name]}.", formatter_class=HelpFormatter
    )
    parser.commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    return parser


def _filled(text: str) -> str:
    """The text in lines that fit a terminal of 80 columns; an indented line stays as it is."""
    lines: list[str] = []
    for indented, group in groupby(text.splitlines(), key=lambda line: line.startswith(" ") or not line):
        part = list(group)
        lines += part if indented else textwrap.wrap(" ".join(part), width=_COLUMNS)
    return "\n".join(lines)


def _add(place: "_SubParsersAction[Parser]", command: Command) -> None:
    summary = f"{command.summary[0].upper()}{command.summary[1:]}."
    description = "\n\n".join(map(_filled, [summary, command.detail])) if command.detail else _filled(summary)
    parser = place.add_parser(
        command.words[-1],
        help=command.summary,
        description=description,
        epilog=f"example:\n  {command.example}",
        formatter_class=HelpFormatter,
    )
    if command.arguments is not None:
        command.arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object, in the last line")
    parser.set_defaults(command=command)
