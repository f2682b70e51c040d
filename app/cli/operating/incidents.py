"""`postern incidents`: list the incidents that an operator has to look at, and close them."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from uuid import UUID

from app.cli.shell.command import Command, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal

MOST = 100
COLUMNS = ("incident", "kind", "subject", "count", "first", "last", "detail")


def show_all(given: Namespace, terminal: Terminal) -> bool:
    """List the open incidents."""
    with operated_gateway(given.data) as (gateway, caller):
        found = gateway.triage.incidents(caller, limit=MOST + 1)
    listed = found[:MOST]
    rows = [(one.id, one.kind, one.subject, one.count, one.first_at, one.last_at, one.detail) for one in listed]
    terminal.table(COLUMNS, rows, empty="There is no open incident.")
    if len(found) > MOST:
        terminal.say(f"There are more than {MOST}. Close these first.")
    terminal.answer({"incidents": [asdict(one) for one in listed], "has_more": len(found) > MOST})
    return True


def close(given: Namespace, terminal: Terminal) -> bool:
    """Close one incident."""
    with operated_gateway(given.data) as (gateway, caller):
        closed = gateway.triage.close(caller, given.incident, reason=given.reason)
    terminal.say("Closed. It opens again when the same thing happens again.")
    terminal.answer({"closed": asdict(closed)})
    return True


def close_arguments(parser: ArgumentParser) -> None:
    """The incident, and the reason."""
    parser.add_argument("incident", type=UUID, metavar="ID", help="the id of the incident")
    parser.add_argument("--reason", required=True, help="kept in the audit")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("incidents", "list"),
        summary="list the open incidents, the latest first (the word `list` may be left out)",
        detail="docs/operations.md says what each kind means and what to do.",
        example="./postern incidents list",
        arguments=add_data_option,
        run=show_all,
        default=True,
    ),
    Command(
        words=("incidents", "close"),
        summary="close an incident that was dealt with",
        example="./postern incidents close 01a20c71-3a9b-777f-aacc-2be986456415 --reason 'Off the block list.'",
        arguments=close_arguments,
        run=close,
    ),
)
