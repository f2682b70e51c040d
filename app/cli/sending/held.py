"""`postern held`, `resend` and `discard`: a person decides about emails that are held or have failed."""

from argparse import ArgumentParser, Namespace
from uuid import UUID

from app.cli.shell.command import Command, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.sending.state_machine import State
from app.services.paging import Page
from app.services.submission.look_up import EmailFilter, EmailView

MOST = 100
COLUMNS = ("email", "application", "recipient", "since", "why")


def held(given: Namespace, terminal: Terminal) -> bool:
    """List the held emails, the newest first."""
    with operated_gateway(given.data) as (gateway, caller):
        page = gateway.look_up.emails(caller, EmailFilter(states=(State.HELD,)), Page(limit=MOST))
    rows = [row for view in page.data for row in _rows(view)]
    terminal.table(COLUMNS, rows, empty="No email is held.")
    if page.has_more:
        terminal.say(f"There are more than {MOST}. Decide about these first.")
    terminal.answer({"held": [dict(zip(COLUMNS, row, strict=True)) for row in rows], "has_more": page.has_more})
    return True


def resend(given: Namespace, terminal: Terminal) -> bool:
    """Send a held email again, or with `--failed` an email that has failed."""
    if given.failed:
        return _resend_failed(given, terminal)
    with operated_gateway(given.data) as (gateway, caller):
        waiting = gateway.reconcile.held_of(caller, given.email)
        for recipient_id in waiting:
            gateway.reconcile.resend(caller, recipient_id, reason=given.reason)
    terminal.say(f"The email {given.email} is sent again, marked as a possible duplicate.")
    terminal.answer({"email": given.email, "resent": len(waiting)})
    return True


def _resend_failed(given: Namespace, terminal: Terminal) -> bool:
    with operated_gateway(given.data) as (gateway, caller):
        again = gateway.resend_failed(caller, given.email, reason=given.reason)
    recipients = "recipient" if again == 1 else "recipients"
    terminal.say(f"The email {given.email} is sent again to {again} failed {recipients}, unless they are suppressed.")
    terminal.answer({"email": given.email, "resent": again})
    return True


def discard(given: Namespace, terminal: Terminal) -> bool:
    """Discard a held email."""
    with operated_gateway(given.data) as (gateway, caller):
        waiting = gateway.reconcile.held_of(caller, given.email)
        for recipient_id in waiting:
            gateway.reconcile.discard(caller, recipient_id, reason=given.reason)
    terminal.say(f"The email {given.email} is discarded and will not be sent.")
    terminal.answer({"email": given.email, "discarded": len(waiting)})
    return True


def verdict_arguments(parser: ArgumentParser) -> None:
    """The email, and the reason."""
    parser.add_argument("email", type=UUID, metavar="ID", help="the id of the email")
    parser.add_argument("--reason", required=True, help="kept in the audit")
    add_data_option(parser)


def resend_arguments(parser: ArgumentParser) -> None:
    """The email, the reason, and whether the email has failed."""
    parser.add_argument(
        "--failed",
        action="store_true",
        help="send an email that failed before SES accepted it; works while its body is kept",
    )
    verdict_arguments(parser)


def _rows(view: EmailView) -> list[tuple[object, ...]]:
    waiting = (one for one in view.recipients if one.state == State.HELD)
    return [(view.id, view.app, one.email, one.updated_at, one.reason) for one in waiting]


COMMANDS = (
    Command(
        words=("held",),
        summary="list the held emails: it is unknown whether SES accepted them, and a person has to decide",
        example="./postern held",
        arguments=add_data_option,
        run=held,
    ),
    Command(
        words=("resend",),
        summary="send a held email again, as a possible duplicate, or with --failed an email that has failed",
        example="./postern resend 01a20c71-3a9b-777f-aacc-2be986456415 --reason 'Ann says that nothing came.'",
        arguments=resend_arguments,
        run=resend,
    ),
    Command(
        words=("discard",),
        summary="give up a held email: it will not be sent",
        example="./postern discard 01a20c71-3a9b-777f-aacc-2be986456415 --reason 'The event is over.'",
        arguments=verdict_arguments,
        run=discard,
    ),
)
