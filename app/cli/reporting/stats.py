"""`postern stats`: how many recipients were accepted, delivered to, bounced and so on, by day or by hour."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from typing import Final

from app.cli.shell.command import Command, add_data_option
from app.cli.shell.filters import add_times
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal, shown
from app.domain.reporting.counted import Counted
from app.services.reporting.stats import Ask, By

_SHOWN: Final = (
    Counted.ACCEPTED,
    Counted.SENT,
    Counted.DELIVERED,
    Counted.BOUNCED,
    Counted.COMPLAINED,
    Counted.SUPPRESSED,
    Counted.UNKNOWN,
)


def run(given: Namespace, terminal: Terminal) -> bool:
    """Show a row for each period in which anything was counted, and the sums."""
    ask = Ask(
        by=given.by,
        since=given.since,
        until=given.until,
        app=given.app,
        stream=given.stream,
        provider=given.provider,
    )
    with operated_gateway(given.data) as (gateway, caller):
        found = gateway.reporting.read_stats(caller, ask)
    rows = [(shown(one.at), *(one.counts[what] for what in _SHOWN)) for one in found.periods]
    total = ("in all", *(found.total[what] for what in _SHOWN))
    columns = (given.by.value, *_SHOWN)
    terminal.table(columns, [*rows, total] if rows else [], empty="Nothing was counted in this time.")
    terminal.answer({"by": given.by, **asdict(found)})
    return True


def arguments(parser: ArgumentParser) -> None:
    """The filters and the length of a period."""
    parser.add_argument("--by", type=By, choices=list(By), default=By.DAY, help="hour or day (default: day)")
    parser.add_argument("--app", help="emails of this application")
    parser.add_argument("--stream", help="emails of this stream")
    parser.add_argument("--provider", help="emails to mailboxes of this provider, such as gmail")
    add_times(parser)
    add_data_option(parser)


COMMAND = Command(
    words=("stats",),
    summary="count recipients by day or hour: accepted, delivered to, bounced, complained and so on",
    detail="An email counts in the hour in which it was accepted, however late it bounces.",
    example="./postern stats --app invites --by hour --since 12h",
    arguments=arguments,
    run=run,
)
