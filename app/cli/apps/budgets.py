"""`postern app budget` and `postern app resume`: the lines at which an application is paused, and ending a pause."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import asdict
from typing import Final

from rich.markup import escape

from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.apps.budget import IN_WORDS, Budget, Pauses, percent
from app.services.apps.budgets import BudgetReport

_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d{1,4})?) ?%", re.ASCII)
_LINES: Final = ("warn_bounces", "pause_bounces", "warn_complaints", "pause_complaints")


def budget(given: Namespace, terminal: Terminal) -> bool:
    """Change the lines that are given, and show all lines and what is spent."""
    named = {name: getattr(given, name) for name in (*_LINES, "minimum", "pauses")}
    changes = {name: value for name, value in named.items() if value is not None}
    if given.default and changes:
        raise UsageMistake("--default takes back all lines: give it alone")
    with operated_gateway(given.data) as (gateway, caller):
        if changes or given.default:
            found = gateway.budgets.set(caller, given.app, changes, anew=given.default)
        else:
            found = gateway.budgets.show(caller, given.app)
    _show(found, terminal)
    terminal.answer(
        {
            "app": found.app,
            "budget": asdict(found.budget),
            "windows": {window: asdict(spent) for window, spent in found.windows.items()},
            "level": found.judged.level.name.lower(),
            "why": found.judged.why,
            "paused": found.paused,
            "paused_reason": found.paused_reason,
        }
    )
    return True


def _show(found: BudgetReport, terminal: Terminal) -> None:
    lines = found.budget
    terminal.table(
        ("", "warns at", "pauses at"),
        [
            ("bounces", percent(lines.warn_bounces), percent(lines.pause_bounces)),
            ("complaints", percent(lines.warn_complaints), percent(lines.pause_complaints)),
        ],
    )
    terminal.table(
        ("sent", "bounced for good", "complained", "window"),
        [(one.sent, one.hard_bounced, one.complained, IN_WORDS[window]) for window, one in found.windows.items()],
    )
    terminal.say(f"Nothing follows below {lines.minimum} recipients. At the second line it pauses: {lines.pauses}.")
    if found.judged.why:
        terminal.say(found.judged.why)
    if found.paused:
        terminal.say(escape(f"Paused: {', '.join(found.paused)}. {found.paused_reason}"))


def resume(given: Namespace, terminal: Terminal) -> bool:
    """Resume an application."""
    with operated_gateway(given.data) as (gateway, caller):
        lanes = gateway.budgets.resume(caller, given.app, reason=given.reason)
    terminal.say(escape(f"{given.app} is sending again: {', '.join(lanes)}. What was spent does not pause it again."))
    terminal.answer({"app": given.app, "resumed": lanes})
    return True


def _share(text: str) -> float:
    found = _PERCENT.fullmatch(text.strip())
    if found is None:
        raise ArgumentTypeError("give a share in percent, such as 2% or 0.05%")
    return float(f"{found[1]}e-2")


def budget_arguments(parser: ArgumentParser) -> None:
    """The application, and the lines to change."""
    default = Budget()
    parser.add_argument("app", metavar="NAME", help="the application")
    for name in _LINES:
        does, what = name.split("_")
        parser.add_argument(
            f"--{does}-{what}",
            type=_share,
            metavar="SHARE",
            help=f"{does} at this share of {what} (default: "
            f"{percent(getattr(default, name)).replace(' ', '')})".replace("%", "%%"),
        )
    parser.add_argument(
        "--minimum", type=int, metavar="N", help=f"fewer recipients are not judged (default: {default.minimum})"
    )
    parser.add_argument("--pauses", type=Pauses, choices=list(Pauses), help="which lanes are paused (default: bulk)")
    parser.add_argument("--default", action="store_true", help="take back all lines that were set")
    add_data_option(parser)


def resume_arguments(parser: ArgumentParser) -> None:
    """The application, and the reason."""
    parser.add_argument("app", metavar="NAME", help="the application")
    parser.add_argument("--reason", required=True, help="why it may go on; kept in the audit")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("app", "budget"),
        summary="show or set which share of an application's emails may bounce or be complained about",
        detail="At the first line it is an incident, at the second its bulk lane is paused too. The shares are of "
        "the recipients whose email SES took, in the last 24 hours and in the last 7 days.",
        example="./postern app budget invites --warn-bounces 2% --pause-bounces 4%",
        arguments=budget_arguments,
        run=budget,
    ),
    Command(
        words=("app", "resume"),
        summary="resume an application that its budget has paused",
        detail="What it had spent before does not pause it again; what bounces from now on does.",
        example="./postern app resume invites --reason 'The old list is deleted.'",
        arguments=resume_arguments,
        run=resume,
    ),
)
