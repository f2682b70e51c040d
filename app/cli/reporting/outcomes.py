"""`postern outcomes`: what became of emails, recipient by recipient, in words for people."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from uuid import UUID

from app.cli.shell.command import Command, add_data_option
from app.cli.shell.filters import add_choice, add_limit, add_times, tag
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.reporting.outcome_words import OutcomeCause
from app.domain.reporting.outcomes import OutcomeKind
from app.services.paging import Page
from app.services.reporting.outcomes import OutcomeFilter, OutcomeView


def run(given: Namespace, terminal: Terminal) -> bool:
    """Show the outcomes, the newest first, and how many there are of each."""
    wanted = OutcomeFilter(
        kinds=tuple(map(OutcomeKind, given.outcome)),
        causes=tuple(map(OutcomeCause, given.cause)),
        actor=given.actor,
        reference=given.reference,
        stream=given.stream,
        tag=given.tag,
        email=given.email,
        app=given.app,
        since=given.since,
        until=given.until,
    )
    with operated_gateway(given.data) as (gateway, caller):
        page = gateway.reporting.outcomes.page(caller, wanted, Page(limit=given.limit, after=given.after))
        counted = gateway.reporting.outcomes.counts(caller, wanted)
    rows = [(one.updated_at, one.email, one.outcome.sentence, one.outcome.next_step) for one in page.data]
    terminal.table(("since", "to", "what happened", "next step"), rows, empty="No email passes these filters.")
    terminal.say(_sum(counted.counts, complete=counted.complete, emails=counted.emails))
    if page.has_more:
        terminal.say(f"There are more: add --after {page.data[-1].recipient_id}")
    terminal.answer(
        {
            "outcomes": [_flat(one) for one in page.data],
            "has_more": page.has_more,
            "counts": counted.counts,
            "emails": counted.emails,
            "complete": counted.complete,
        }
    )
    return True


def _sum(counts: dict[OutcomeKind, int], *, complete: bool, emails: int) -> str:
    words = ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in counts.items())
    return f"In all: {words}." if complete else f"Of the newest {emails:,} emails: {words}."


def _flat(view: OutcomeView) -> dict[str, object]:
    """The fields of an outcome beside those of its email, as the API has them."""
    row = asdict(view)
    outcome = row.pop("outcome")
    return {**row, "outcome": outcome.pop("kind"), **outcome}


def arguments(parser: ArgumentParser) -> None:
    """The filters."""
    parser.add_argument("--actor", help="emails that went on behalf of this actor")
    parser.add_argument("--reference", help="emails about this reference")
    parser.add_argument("--stream", help="emails of this stream")
    parser.add_argument("--tag", type=tag, metavar="NAME:VALUE", help="emails with this tag")
    parser.add_argument("--email", metavar="ADDR", help="emails to this recipient")
    parser.add_argument("--app", help="emails of this application")
    add_choice(parser, "--outcome", "what became of it", [kind.value for kind in OutcomeKind])
    add_choice(parser, "--cause", "why", [cause.value for cause in OutcomeCause])
    add_times(parser)
    add_limit(parser)
    parser.add_argument("--after", type=UUID, metavar="ID", help="those behind the outcome of this recipient id")
    add_data_option(parser)


COMMAND = Command(
    words=("outcomes",),
    summary="tell what became of emails, in plain words: of an actor, a reference, a stream, a tag, a recipient",
    example="./postern outcomes --actor kim@example.com --outcome not_delivered --since 30d",
    arguments=arguments,
    run=run,
)
