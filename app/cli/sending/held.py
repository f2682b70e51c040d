"""`postern held`, `resend` and `discard`: mails whose fate is not known, and what a person says of them."""

from argparse import ArgumentParser, Namespace
from uuid import UUID

from app.cli.command import Command, add_data_option
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal
from app.domain.delivery import State
from app.services.look_up import EmailFilter, EmailView
from app.services.pages import Page

MOST = 100
COLUMNS = ("mail", "application", "recipient", "since", "why")


def held(given: Namespace, terminal: Terminal) -> bool:
    """List the mails that wait for a person, the newest first."""
    with operated_gateway(given.data) as (gateway, caller):
        page = gateway.look_up.emails(caller, EmailFilter(state=State.HELD), Page(limit=MOST))
    rows = [row for view in page.data for row in _rows(view)]
    terminal.table(COLUMNS, rows, empty="No mail waits for a person.")
    if page.has_more:
        terminal.say(f"There are more than {MOST}; decide about these first.")
    terminal.answer({"held": [dict(zip(COLUMNS, row, strict=True)) for row in rows], "has_more": page.has_more})
    return True


def resend(given: Namespace, terminal: Terminal) -> bool:
    """Send a held mail again."""
    with operated_gateway(given.data) as (gateway, caller):
        waiting = gateway.reconcile.held_of(caller, given.mail)
        for recipient_id in waiting:
            gateway.reconcile.resend(caller, recipient_id, reason=given.reason)
    terminal.say(f"The mail {given.mail} is sent again, marked as a possible duplicate.")
    terminal.answer({"mail": given.mail, "resent": len(waiting)})
    return True


def discard(given: Namespace, terminal: Terminal) -> bool:
    """Give a held mail up."""
    with operated_gateway(given.data) as (gateway, caller):
        waiting = gateway.reconcile.held_of(caller, given.mail)
        for recipient_id in waiting:
            gateway.reconcile.discard(caller, recipient_id, reason=given.reason)
    terminal.say(f"The mail {given.mail} is given up.")
    terminal.answer({"mail": given.mail, "discarded": len(waiting)})
    return True


def verdict_arguments(parser: ArgumentParser) -> None:
    """Which mail, and why."""
    parser.add_argument("mail", type=UUID, metavar="ID", help="the id of the mail")
    parser.add_argument("--reason", required=True, help="kept in the audit")
    add_data_option(parser)


def _rows(view: EmailView) -> list[tuple[object, ...]]:
    waiting = (one for one in view.recipients if one.state == State.HELD)
    return [(view.id, view.app, one.email, one.updated_at, one.reason) for one in waiting]


COMMANDS = (
    Command(
        words=("held",),
        summary="list mails whose fate is not known and which wait for a person",
        example="./postern held",
        arguments=add_data_option,
        run=held,
    ),
    Command(
        words=("resend",),
        summary="send a held mail again, as a possible duplicate",
        example="./postern resend 01a20c71-3a9b-777f-aacc-2be986456415 --reason 'Ann says that nothing came.'",
        arguments=verdict_arguments,
        run=resend,
    ),
    Command(
        words=("discard",),
        summary="give a held mail up",
        example="./postern discard 01a20c71-3a9b-777f-aacc-2be986456415 --reason 'The event is over.'",
        arguments=verdict_arguments,
        run=discard,
    ),
)
