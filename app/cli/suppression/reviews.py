"""`postern suppressions review`: domains whose mail bounced in a burst, and what a person says of each."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from typing import Final

from rich.markup import escape

from app.cli.command import Command, UsageMistake, add_data_option
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal
from app.services.reviews import Decision

_LIST: Final = "list"
_COLUMNS: Final = ("domain", "since", "entries")


def review(given: Namespace, terminal: Terminal) -> bool:
    """List the domains that wait, or decide about one."""
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
    done = "stay on the list" if decision is Decision.CONFIRM else "are off the list, and soon off SES's"
    terminal.say(escape(f"{entries} addresses of {given.domain} {done}."))
    terminal.answer({"domain": given.domain, "decision": decision, "entries": entries})
    return True


def arguments(parser: ArgumentParser) -> None:
    """What to do, about which domain, and why."""
    parser.add_argument("act", choices=[_LIST, *Decision], nargs="?", default=_LIST)
    parser.add_argument("domain", metavar="DOMAIN", nargs="?")
    parser.add_argument("--reason", help="kept in the audit")
    add_data_option(parser)


COMMAND = Command(
    words=("suppressions", "review"),
    summary="list domains whose mail bounced in a burst; confirm or undo all entries of one",
    example="./postern suppressions review undo example.org --reason 'Their server erred.'",
    arguments=arguments,
    run=review,
)
