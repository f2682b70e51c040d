"""`postern suppress`, `unsuppress` and `suppressions`: an operator reads and changes the suppression list."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from rich.markup import escape

from app.cli.shell.command import Command, add_data_option, duration
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.apps.callers import Caller
from app.domain.suppression.rules import EVERY_EMAIL, Origin
from app.services.paging import Page
from app.services.suppression.entries import Entry
from app.wiring.gateway import Gateway

PAGE = 500
COLUMNS = ("address", "scope", "origin", "status", "since", "until", "reason")
CHANGES = ("at", "change", "scope", "origin", "by", "why")


def add(given: Namespace, terminal: Terminal) -> bool:
    """Suppress an address."""
    until = datetime.now(UTC) + given.expires_in if given.expires_in else None
    with operated_gateway(given.data) as (gateway, caller):
        added = gateway.suppress.add(caller, given.address, scope=given.scope, reason=given.reason, expires_at=until)
    entry = added.entry
    terminal.say(escape(f"{entry.email} is suppressed{'' if added.created else ' already'}: {entry.reason}"))
    for email in added.in_flight:
        terminal.say(f"It is too late to stop the email {email.email_id}, which is {email.state}.")
    in_flight = [asdict(email) for email in added.in_flight]
    terminal.answer({**asdict(entry), "created": added.created, "in_flight": in_flight})
    return True


def remove(given: Namespace, terminal: Terminal) -> bool:
    """Unsuppress an address."""
    with operated_gateway(given.data) as (gateway, caller):
        removed = gateway.unsuppress(
            caller, given.address, scope=given.scope, reason=given.reason, force=given.force, wait_for_ses=True
        )
    at_ses = {
        "removed": "and removed from SES's list",
        "absent": "and was not on SES's list",
        "pending": "and soon removed from SES's list",
        "kept": "and SES's list is not changed",
    }
    for entry in removed.entries:
        terminal.say(escape(f"{entry.email} is unsuppressed ({entry.scope}), {at_ses[removed.ses_account]}."))
    for entry in removed.uncovered:
        terminal.say(
            escape(
                f"{entry.email} is still unsubscribed ({entry.scope}): the recipient asked for it. "
                "That entry is unsuppressed separately."
            )
        )
    groups = {"removed": removed.entries, "uncovered": removed.uncovered}
    each = {name: [asdict(entry) for entry in entries] for name, entries in groups.items()}
    terminal.answer({**each, "ses_account": removed.ses_account})
    return True


def undo(given: Namespace, terminal: Terminal) -> bool:
    """Undo the last removal of an address."""
    with operated_gateway(given.data) as (gateway, caller):
        restored = gateway.undo(caller, given.address, reason=given.reason)
    for entry in restored:
        terminal.say(escape(f"{entry.email} is suppressed again ({entry.scope}, {entry.origin}): {entry.reason}"))
    terminal.answer({"restored": [asdict(entry) for entry in restored]})
    return True


def show(given: Namespace, terminal: Terminal) -> bool:
    """List the suppressed addresses, or show everything about one address."""
    with operated_gateway(given.data) as (gateway, caller):
        if given.address is not None:
            found = gateway.suppress.find(caller, given.address, over_too=True)
            entries, history, changes = list(found.entries), list(found.history), found.changes
        else:
            entries, history, changes = list(_every(gateway, caller, given)), [], ()
    terminal.table(COLUMNS, map(_row, entries), empty="Not suppressed.")
    if history:
        over = [(*_row(entry), entry.removed_at, entry.removed_by, entry.removal_reason) for entry in history]
        terminal.table((*COLUMNS, "removed", "by", "why"), over, title="Earlier")
    if changes:
        rows = [(one.at, one.type, one.scope, one.origin, one.actor, one.reason) for one in changes]
        terminal.table(CHANGES, rows, title="Changes")
    terminal.answer(
        {
            "suppressions": [asdict(one) for one in entries],
            "history": [asdict(one) for one in history],
            "changes": [asdict(one) for one in changes],
        }
    )
    return True


def _every(gateway: Gateway, caller: Caller, given: Namespace) -> Iterator[Entry]:
    page = Page(limit=PAGE)
    while True:
        paged = gateway.suppress.page(
            caller, origin=given.origin, q=given.prefix, scope=given.scope, page=page, under_review=given.review
        )
        yield from paged.data
        if not paged.has_more:
            return
        page = Page(limit=PAGE, after=paged.data[-1].id)


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.email,
        entry.scope,
        entry.origin,
        entry.status,
        entry.created_at,
        entry.expires_at,
        entry.reason,
    )


def add_arguments(parser: ArgumentParser) -> None:
    """The address, the scope, the reason, and when the entry expires."""
    parser.add_argument("address", metavar="ADDR", help="an address, or @example.org for the whole domain")
    parser.add_argument("--scope", default=EVERY_EMAIL, help="* for every email (default), APP, or APP/STREAM")
    parser.add_argument("--reason", help="kept with the entry and in the audit")
    parser.add_argument("--expires-in", type=duration, metavar="TIME", help="such as 14d; default: never")
    add_data_option(parser)


def remove_arguments(parser: ArgumentParser) -> None:
    """The address, the reason, and the scope."""
    parser.add_argument("address", metavar="ADDR", help="an address, @example.org, or the id of an entry")
    parser.add_argument("--reason", required=True, help="kept in the audit")
    parser.add_argument("--scope", help="only the entry in this scope; default: in every scope")
    parser.add_argument("--force", action="store_true", help="also after a complaint or a `postern forget`")
    add_data_option(parser)


def undo_arguments(parser: ArgumentParser) -> None:
    """The address, and the reason."""
    parser.add_argument("address", metavar="ADDR", help="an address, @example.org, or the id of an entry")
    parser.add_argument("--reason", required=True, help="kept in the audit")
    add_data_option(parser)


def show_arguments(parser: ArgumentParser) -> None:
    """The address."""
    parser.add_argument("address", metavar="ADDR", help="an address, or the id of an entry")
    add_data_option(parser)


def list_arguments(parser: ArgumentParser) -> None:
    """The entries to list."""
    parser.add_argument("address", metavar="ADDR", nargs="?", help="show this address, or the entry with this id")
    parser.add_argument("--origin", choices=[origin.value for origin in Origin], help="only entries of this origin")
    parser.add_argument("--prefix", metavar="TEXT", help="only addresses that begin with this; @ for whole domains")
    parser.add_argument("--scope", help="only entries in this scope")
    parser.add_argument("--review", action="store_true", help="only entries that wait for a decision")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("suppress",),
        summary="stop all sending to an address",
        example="./postern suppress kim@example.net --reason 'Asked us by phone.' --expires-in 90d",
        arguments=add_arguments,
        run=add,
    ),
    Command(
        words=("unsuppress",),
        summary="allow sending to an address again, and remove it from SES's list too",
        example="./postern unsuppress kim@example.net --reason 'The mailbox is back.'",
        arguments=remove_arguments,
        run=remove,
    ),
    Command(
        words=("suppressions", "list"),
        summary="list the suppressed addresses, or show one (the words `list` and `show` may be left out)",
        example="./postern suppressions list --origin bounce; ./postern suppressions kim@example.net",
        arguments=list_arguments,
        run=show,
        default=True,
    ),
    Command(
        words=("suppressions", "show"),
        summary="show everything about one address: its entries, past entries, and every change",
        example="./postern suppressions show kim@example.net",
        arguments=show_arguments,
        run=show,
    ),
    Command(
        words=("suppressions", "undo"),
        summary="undo the last removal: the address is suppressed again as it was",
        example="./postern suppressions undo kim@example.net --reason 'Wrong Kim.'",
        arguments=undo_arguments,
        run=undo,
    ),
)
