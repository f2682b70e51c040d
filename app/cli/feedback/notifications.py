"""`postern feedback list`: SNS notifications that wait to be read again, or were set aside for a person."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from uuid import UUID

from rich.markup import escape

from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.privacy.redaction import without_addresses
from app.services.operating.triage import MOST_AT_ONCE, InboxState, Waiting

MOST = 100
STATES = (InboxState.QUARANTINED, InboxState.PARKED)
COLUMNS = ("notification", "kind", "received", "tries", "next look", "why")


def run(given: Namespace, terminal: Terminal) -> bool:
    """List the notifications, show one, or have them read again."""
    if given.raw and (given.notification is None or given.retry):
        raise UsageMistake("--raw shows one notification: name its ID, and leave out --retry")
    if given.notification is None:
        return _retry_all(given, terminal) if given.retry else _show_all(given, terminal)
    return _retry(given, terminal) if given.retry else _show(given, terminal)


def _show_all(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        found = gateway.triage.notifications(caller, InboxState(given.state), limit=MOST + 1)
    listed = found[:MOST]
    terminal.table(COLUMNS, map(_row, listed), empty=f"No notification is {given.state}.")
    if len(found) > MOST:
        terminal.say(f"There are more than {MOST}.")
    terminal.answer({"notifications": [asdict(one) for one in listed], "has_more": len(found) > MOST})
    return True


def _show(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        found, raw = gateway.triage.notification(caller, given.notification)
    text = raw if given.raw else without_addresses(raw)
    terminal.table((*COLUMNS, "state"), [(*_row(found), found.state.value)])
    terminal.say(escape(text))
    terminal.answer({"notification": asdict(found) | {"raw": text}})
    return True


def _retry(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        gateway.triage.retry(caller, given.notification)
    terminal.say("It is read again, within a second where workers run.")
    terminal.answer({"retried": 1})
    return True


def _retry_all(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        retried = gateway.triage.retry_all(caller, InboxState(given.state))
    terminal.say(f"{retried} are read again, within a second where workers run.")
    if retried == MOST_AT_ONCE:
        terminal.say("There may be more: run the command again.")
    terminal.answer({"retried": retried})
    return True


def _row(one: Waiting) -> tuple[object, ...]:
    next_look = one.due_at if one.state is InboxState.PARKED else None
    return (one.id, one.kind, one.received_at, one.tries, next_look, one.note)


def arguments(parser: ArgumentParser) -> None:
    """The notifications, and what to do with them."""
    add = parser.add_argument
    add("notification", type=UUID, nargs="?", metavar="ID", help="show this notification, without its addresses")
    states = [state.value for state in STATES]
    add("--state", choices=states, default=states[0], help="which ones to list or retry without an ID (%(default)s)")
    add("--retry", action="store_true", help="read this notification again, or all of that state")
    add("--raw", action="store_true", help="show the notification with its addresses")
    add_data_option(parser)


COMMAND = Command(
    words=("feedback", "list"),
    default=True,
    summary="list notifications that are set aside or parked, show one, retry them",
    detail=(
        "A quarantined notification made its reader fail five times, cannot be read, or names another AWS account\n"
        "or configuration set. A parked notification is about an email that is not known yet, and is read again\n"
        "automatically. Both are kept, and neither delays any other."
    ),
    example="./postern feedback list --state quarantined --retry",
    arguments=arguments,
    run=run,
)
