"""`postern suppressions review`: domains whose emails bounced in a burst, and a person's decision about each."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from typing import Final

from rich.markup import escape

from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.services.suppression.review_bounces import Decision

_LIST: Final = "list"
_COLUMNS: Final = ("domain", "since", "entries")


def review(given: Namespace, terminal: Terminal) -> bool:
    """List the domains that wait for a decision, or decide about one."""
    return _list(given, terminal) if given.act == _LIST else _decide(given, terminal)


def _list(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        waiting = gateway.reviews.waiting(caller)
    rows = [(one.domain, one.opened_at, one.entries) for one in waiting]
    terminal.table(_COLUMNS, rows, empty="No domain waits for a decision.")
    terminal.answer({"reviews": [asdict(one) for one in waiting]})
    return True


def _decide(given: Namespace, terminal: Terminal) -> bool:
    if given.domain is None or given.reason is None:
        raise UsageMistake("name the domain, and give a --reason")
    decision = Decision(given.act)
    with operated_gateway(given.data) as (gateway, caller):
        entries = gateway.reviews.decide(caller, given.domain, decision, reason=given.reason)
    done = "stay suppressed" if decision is Decision.CONFIRM else "are unsuppressed, and soon removed from SES's list"
    terminal.say(escape(f"{entries} addresses of {given.domain} {done}."))
    terminal.answer({"domain": given.domain, "decision": decision, "entries": entries})
    return True


def arguments(parser: ArgumentParser) -> None:
    """The decision, the domain, and the reason."""
    act = "confirm when the mailboxes are gone, undo when their server erred; default: list"
    parser.add_argument("act", choices=[_LIST, *Decision], nargs="?", default=_LIST, help=act)
    parser.add_argument("domain", metavar="DOMAIN", nargs="?", help="the domain to decide about")
    parser.add_argument("--reason", help="kept in the audit")
    add_data_option(parser)


COMMAND = Command(
    words=("suppressions", "review"),
    summary="list domains whose emails bounced in a burst; confirm or undo all entries of one",
    example="./postern suppressions review undo example.org --reason 'Their server erred.'",
    arguments=arguments,
    run=review,
)
