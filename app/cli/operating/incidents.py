"""`postern incidents`: what an operator has to see, and the word that it was dealt with."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from uuid import UUID

from app.cli.command import Command, add_data_option
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal
from app.services.triage import Triage

MOST = 100
COLUMNS = ("incident", "kind", "subject", "count", "first", "last", "detail")


def show_all(given: Namespace, terminal: Terminal) -> bool:
    """List the open incidents."""
    with operated_gateway(given.data) as (gateway, caller):
        found = Triage(database=gateway.database).incidents(caller, limit=MOST + 1)
    told = found[:MOST]
    rows = [(one.id, one.kind, one.subject, one.count, one.first_at, one.last_at, one.detail) for one in told]
    terminal.table(COLUMNS, rows, empty="There is no open incident.")
    if len(found) > MOST:
        terminal.say(f"There are more than {MOST}; close these first.")
    terminal.answer({"incidents": [asdict(one) for one in told], "has_more": len(found) > MOST})
    return True


def close(given: Namespace, terminal: Terminal) -> bool:
    """Close one."""
    with operated_gateway(given.data) as (gateway, caller):
        closed = Triage(database=gateway.database).close(caller, given.incident, reason=given.reason)
    terminal.say("Closed. When it happens again it is open again.")
    terminal.answer({"closed": asdict(closed)})
    return True


def close_arguments(parser: ArgumentParser) -> None:
    """Which one, and why."""
    parser.add_argument("incident", type=UUID, metavar="ID", help="the id of the incident")
    parser.add_argument("--reason", required=True, help="kept in the audit")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("incidents", "list"),
        summary="list what an operator has to see, the latest first (the word `list` may be left out)",
        detail="docs/operations.md says what each kind means and what to do.",
        example="./postern incidents list",
        arguments=add_data_option,
        run=show_all,
        default=True,
    ),
    Command(
        words=("incidents", "close"),
        summary="say that an incident was dealt with",
        example="./postern incidents close 01a20c71-3a9b-777f-aacc-2be986456415 --reason 'Off the block list.'",
        arguments=close_arguments,
        run=close,
    ),
)
