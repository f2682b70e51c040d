"""`postern emails`: the emails to an address, of an application or in a state, and what became of each."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict
from uuid import UUID

from rich.markup import escape

from app.cli.shell.command import Command, add_data_option
from app.cli.shell.filters import add_choice, add_limit, add_times, tag
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal, shown
from app.domain.feedback.bounce_causes import BounceCause
from app.domain.sending.last_event import LAST_EVENTS
from app.domain.sending.state_machine import State
from app.services.paging import Page
from app.services.submission.look_up import EmailFilter, EmailView

MOST_RECIPIENTS = 5
"""The most recipients of one email that are shown, unless `--to` names one."""


def run(given: Namespace, terminal: Terminal) -> bool:
    """Show the emails, the newest first."""
    wanted = EmailFilter(
        to=given.to,
        last_events=tuple(given.last_event),
        states=tuple(map(State, given.state)),
        causes=tuple(given.cause),
        tags=tuple(given.tag),
        actor=given.actor,
        reference=given.reference,
        supersedes=given.supersedes,
        request_id=given.request_id,
        app=given.app,
        stream=given.stream,
        since=given.since,
        until=given.until,
    )
    with operated_gateway(given.data) as (gateway, caller):
        page = gateway.look_up.emails(caller, wanted, Page(limit=given.limit, after=given.after))
    for view in page.data:
        terminal.say(escape("\n".join(_lines(view, given.to))))
    if not page.data:
        terminal.say("No email passes these filters.")
    if page.has_more:
        terminal.say(f"There are more: add --after {page.data[-1].id}")
    terminal.answer({"emails": [asdict(view) for view in page.data], "has_more": page.has_more})
    return True


def _lines(view: EmailView, to: str | None) -> Iterator[str]:
    """An email in lines that fit 80 columns, apart from the words of servers and applications."""
    yield f"{view.id}  {shown(view.created_at)}  {view.last_event}"
    yield f"  {view.app}/{view.stream}: {view.subject or '(no subject)'}"
    concerned = [one for one in view.recipients if to is not None and one.email.lower() == to.strip().lower()]
    recipients = concerned or view.recipients
    for one in recipients[:MOST_RECIPIENTS]:
        yield f"  {one.email}: {one.state}{f'. {one.reason}' if one.reason else ''}"
    if len(recipients) > MOST_RECIPIENTS:
        yield f"  and {len(recipients) - MOST_RECIPIENTS} more"


def arguments(parser: ArgumentParser) -> None:
    """The filters."""
    parser.add_argument("--to", metavar="ADDR", help="emails with this recipient")
    parser.add_argument("--app", help="emails of this application")
    parser.add_argument("--stream", help="emails of this stream")
    parser.add_argument("--actor", metavar="ID", help="emails that were sent on behalf of this actor")
    parser.add_argument("--reference", metavar="ID", help="emails about this")
    parser.add_argument(
        "--supersedes", metavar="KEY", help="emails that came with this key, of which the last one stays"
    )
    parser.add_argument(
        "--request-id",
        type=UUID,
        metavar="ID",
        help="emails of the request with this id, which answers and logs name",
    )
    add_choice(parser, "--state", "a recipient is in this state", [state.value for state in State])
    add_choice(parser, "--last-event", "the worst that happened to it", sorted(LAST_EVENTS))
    add_choice(parser, "--cause", "why it bounced", [cause.value for cause in BounceCause])
    parser.add_argument(
        "--tag", type=tag, action="append", default=[], metavar="NAME:VALUE", help="a tag that it has; may be repeated"
    )
    add_times(parser)
    add_limit(parser)
    parser.add_argument("--after", type=UUID, metavar="ID", help="those that are older than this email")
    add_data_option(parser)


COMMAND = Command(
    words=("emails",),
    summary="list emails and what became of each: to an address, of an application, in a state",
    example="./postern emails --to kim.gone@example.com --since 30d; ./postern emails --state held --state failed",
    arguments=arguments,
    run=run,
)
