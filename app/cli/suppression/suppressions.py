"""`postern suppress`, `unsuppress` and `suppressions`: the suppression list in the hands of an operator."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from rich.markup import escape

from app.cli.command import Command, add_data_option, duration
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal
from app.domain.callers import Caller
from app.domain.suppression import EVERY_MAIL, Origin
from app.services.entries import Entry
from app.services.pages import Page
from app.wiring import Gateway

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
    for mail in added.in_flight:
        terminal.say(f"Too late for the mail {mail.email_id}, which is {mail.state}.")
    in_flight = [asdict(mail) for mail in added.in_flight]
    terminal.answer({**asdict(entry), "created": added.created, "in_flight": in_flight})
    return True


def remove(given: Namespace, terminal: Terminal) -> bool:
    """Take an address off the list."""
    with operated_gateway(given.data) as (gateway, caller):
        removed = gateway.suppress.remove(
            caller, given.address, scope=given.scope, reason=given.reason, force=given.force
        )
    at_ses = {
        "removed": "and off SES's list",
        "absent": "and was not on SES's",
        "pending": "and soon off SES's",
        "kept": "and SES's list is left alone",
    }
    for entry in removed.entries:
        terminal.say(escape(f"{entry.email} is off the list ({entry.scope}), {at_ses[removed.ses_account]}."))
    for entry in removed.uncovered:
        terminal.say(
            escape(f"{entry.email} stays unsubscribed ({entry.scope}): the recipient's own word, lifted by itself.")
        )
    told = {"removed": removed.entries, "uncovered": removed.uncovered}
    each = {name: [asdict(entry) for entry in entries] for name, entries in told.items()}
    terminal.answer({**each, "ses_account": removed.ses_account})
    return True


def undo(given: Namespace, terminal: Terminal) -> bool:
    """Put back what was taken off the list last."""
    with operated_gateway(given.data) as (gateway, caller):
        restored = gateway.undo(caller, given.address, reason=given.reason)
    for entry in restored:
        terminal.say(escape(f"{entry.email} is suppressed again ({entry.scope}, {entry.origin}): {entry.reason}"))
    terminal.answer({"restored": [asdict(entry) for entry in restored]})
    return True


def show(given: Namespace, terminal: Terminal) -> bool:
    """List those who are suppressed, or tell all about one address."""
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
        told = [(one.at, one.type, one.scope, one.origin, one.actor, one.reason) for one in changes]
        terminal.table(CHANGES, told, title="What became of them")
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
    """Whom, from what, why and until when."""
    parser.add_argument("address", metavar="ADDR", help="or @example.org for everybody at that domain")
    parser.add_argument("--scope", default=EVERY_MAIL, help="* for every mail (default), APP, or APP/STREAM")
    parser.add_argument("--reason", help="kept with the entry and in the audit")
    parser.add_argument("--expires-in", type=duration, metavar="TIME", help="such as 14d; default: never")
    add_data_option(parser)


def remove_arguments(parser: ArgumentParser) -> None:
    """Whom, and why."""
    parser.add_argument("address", metavar="ADDR", help="or @example.org, or the id of an entry")
    parser.add_argument("--reason", required=True, help="kept in the audit")
    parser.add_argument("--scope", help="only this one; default: every scope")
    parser.add_argument("--force", action="store_true", help="also who complained, or was forgotten")
    add_data_option(parser)


def undo_arguments(parser: ArgumentParser) -> None:
    """Whom, and why."""
    parser.add_argument("address", metavar="ADDR", help="or @example.org, or the id of an entry")
    parser.add_argument("--reason", required=True, help="kept in the audit")
    add_data_option(parser)


def show_arguments(parser: ArgumentParser) -> None:
    """Whose entries."""
    parser.add_argument("address", metavar="ADDR", help="or the id of an entry")
    add_data_option(parser)


def list_arguments(parser: ArgumentParser) -> None:
    """Which entries."""
    parser.add_argument("address", metavar="ADDR", nargs="?", help="tell all about this one, or the id of an entry")
    parser.add_argument("--origin", choices=[origin.value for origin in Origin])
    parser.add_argument("--prefix", metavar="TEXT", help="how the address begins; @ for whole domains")
    parser.add_argument("--scope")
    parser.add_argument("--review", action="store_true", help="only those that wait for a decision")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("suppress",),
        summary="send nothing to an address any more",
        example="./postern suppress kim@example.net --reason 'Asked us by phone.' --expires-in 90d",
        arguments=add_arguments,
        run=add,
    ),
    Command(
        words=("unsuppress",),
        summary="let an address be sent to again, and take it off SES's list too",
        example="./postern unsuppress kim@example.net --reason 'The mailbox is back.'",
        arguments=remove_arguments,
        run=remove,
    ),
    Command(
        words=("suppressions", "list"),
        summary="list who is suppressed; with an address, show it (the words `list` and `show` may be left out)",
        example="./postern suppressions list --origin bounce; ./postern suppressions kim@example.net",
        arguments=list_arguments,
        run=show,
        default=True,
    ),
    Command(
        words=("suppressions", "show"),
        summary="tell all about one address: its entries, those of the past, and who took it off",
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
