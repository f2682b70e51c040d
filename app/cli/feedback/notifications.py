"""`postern feedback`: notifications of SNS that wait for a later look, or broke their reader and were set aside."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from uuid import UUID

from rich.markup import escape

from app.cli.command import Command, UsageMistake, add_data_option
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal
from app.domain.redaction import without_addresses
from app.services.triage import MOST_AT_ONCE, Triage
from app.store.inbox import InboxState, Waiting

MOST = 100
STATES = (InboxState.QUARANTINED, InboxState.PARKED)
COLUMNS = ("notification", "kind", "received", "tries", "next look", "why")


def run(given: Namespace, terminal: Terminal) -> bool:
    """List them, show one, or let them be looked at again."""
    if given.raw and (given.notification is None or given.retry):
        raise UsageMistake("--raw shows one notification: name its ID, and leave out --retry")
    if given.notification is None:
        return _retry_all(given, terminal) if given.retry else _show_all(given, terminal)
    return _retry(given, terminal) if given.retry else _show(given, terminal)


def _show_all(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        found = Triage(database=gateway.database).notifications(caller, InboxState(given.state), limit=MOST + 1)
    told = found[:MOST]
    terminal.table(COLUMNS, map(_row, told), empty=f"No notification is {given.state}.")
    if len(found) > MOST:
        terminal.say(f"There are more than {MOST}.")
    terminal.answer({"notifications": [asdict(one) for one in told], "has_more": len(found) > MOST})
    return True


def _show(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        found, raw = Triage(database=gateway.database).notification(caller, given.notification)
    text = raw if given.raw else without_addresses(raw)
    terminal.table((*COLUMNS, "state"), [(*_row(found), found.state.value)])
    terminal.say(escape(text))
    terminal.answer({"notification": asdict(found) | {"raw": text}})
    return True


def _retry(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        Triage(database=gateway.database).retry(caller, given.notification)
    terminal.say("It is looked at again, within a second where workers run.")
    terminal.answer({"retried": 1})
    return True


def _retry_all(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        retried = Triage(database=gateway.database).retry_all(caller, InboxState(given.state))
    terminal.say(f"{retried} are looked at again, within a second where workers run.")
    if retried == MOST_AT_ONCE:
        terminal.say("There may be more: say it again.")
    terminal.answer({"retried": retried})
    return True


def _row(one: Waiting) -> tuple[object, ...]:
    next_look = one.due_at if one.state is InboxState.PARKED else None
    return (one.id, one.kind, one.received_at, one.tries, next_look, one.note)


def arguments(parser: ArgumentParser) -> None:
    """Which ones, and what to do with them."""
    add = parser.add_argument
    add("notification", type=UUID, nargs="?", metavar="ID", help="show this one, with addresses taken out")
    states = [state.value for state in STATES]
    add("--state", choices=states, default=states[0], help="which ones, without an ID (%(default)s)")
    add("--retry", action="store_true", help="look again at the one, or at all of the state")
    add("--raw", action="store_true", help="show the one with its addresses")
    add_data_option(parser)


COMMAND = Command(
    words=("feedback",),
    summary="list notifications that are set aside or parked, show one, retry them",
    detail=(
        "Quarantined: it broke its reader five times. Parked: it waits for a mail that is not known yet, and is\n"
        "looked at again by itself. Both are kept, and delay no other."
    ),
    example="./postern feedback --state quarantined --retry",
    arguments=arguments,
    run=run,
)
