"""`postern suppressions sync`: synchronize our suppression list with the SES account's, or compare the two."""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict

from rich.markup import escape
from rich.status import Status

from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.account.list_comparison import Standing
from app.domain.account.sync_progress import Order, Stage, SyncPosition, Tally
from app.domain.suppression.rules import Origin
from app.services.account.sync_list import ALWAYS_PUT, Synced

PULL, PUSH, BOTH = "pull", "push", "both"

DETAIL = """\
pull: an address that SES suppresses is suppressed here too. An address that was suppressed here only because of SES
is unsuppressed once it has left SES's list.
push: an address that bounced or complained here is put on SES's list. That takes a second for each, as SES allows.
An address that a person unsuppressed here stays unsuppressed in every direction; pull removes it from SES's list too.
SES lists every permanent bounce by itself. Where Postern read that bounce and the mailbox is not to blame, pull removes
the address from SES's list.
The command may be interrupted at any time; the next run, or the schedule, continues from there."""

MEANING = {
    Standing.BOTH: "on both lists, each for a reason of its own",
    Standing.FROM_SES: "on both lists, here only because of SES",
    Standing.OTHER_REASON: "on both lists, for different reasons",
    Standing.ONLY_AT_SES: "only at SES: pull adds them here",
    Standing.ONLY_HERE: "only here: push puts them at SES",
    Standing.REMOVED_HERE: "unsuppressed here, still at SES: pull removes them there",
    Standing.LISTED_AGAIN: "unsuppressed here, and listed by SES after that: pull asks why",
    Standing.DISPUTED: "at SES for a bounce that does not show a dead mailbox: pull removes them there",
    Standing.LEFT_SES: "here only because of SES, and no longer there: pull unsuppresses them",
    Standing.FORGOTTEN: "at SES, of people who were forgotten here",
    Standing.EXEMPT: "addresses of SES's mailbox simulator, never changed",
    Standing.NO_ADDRESS: "at SES, but not valid addresses",
}


def run(given: Namespace, terminal: Terminal) -> bool:
    """Synchronize the lists, or show how they differ."""
    order = _order(given)
    with operated_gateway(given.data) as (gateway, caller), terminal.waiting("Asking SES…") as status:
        show = _progress(status)
        if given.dry_run:
            synced = gateway.sync.look(caller, order, show=show)
        else:
            synced = gateway.sync.run(caller, order, show=show)
    _show(synced, terminal, dry_run=given.dry_run)
    tally = asdict(synced.tally)
    drift = {where: asdict(one) for where, one in synced.drift.differences.items()}
    given_order = {"direction": given.direction, "dry_run": given.dry_run}
    terminal.answer({**given_order, **tally, "drift": drift, "switched_off": synced.switched_off})
    return synced.tally.push_refused is None and not synced.tally.departed_unbelieved


def _order(given: Namespace) -> Order:
    if given.direction == PULL and given.manual_too:
        raise UsageMistake("--manual-too changes what is put at SES: use it with --direction push or both")
    if given.direction == PUSH and given.accept_departures:
        raise UsageMistake("--accept-departures unsuppresses addresses here: use it with --direction pull or both")
    origins = (*ALWAYS_PUT, Origin.MANUAL) if given.manual_too else ALWAYS_PUT
    return Order(
        adds=given.direction != PUSH,
        origins=() if given.direction == PULL else origins,
        full=given.full,
        accept_departures=given.accept_departures,
    )


def _progress(status: Status) -> Callable[[SyncPosition, Tally], None]:
    began = time.monotonic()

    def show(place: SyncPosition, tally: Tally) -> None:
        seconds = max(time.monotonic() - began, 0.001)
        match place.stage:
            case Stage.LISTING:
                rate = tally.entries / seconds
                left = _left(place.size - place.entries, rate) if place.full else ""
                status.update(f"Page {place.pages}, {place.entries} entries read, {rate:.0f} a second{left}…")
            case Stage.SEEKING | Stage.LEAVING:
                status.update(f"Asking SES about {len(place.leaving)} missing entries{_left(len(place.leaving), 1)}…")
            case Stage.PUSHING:
                rest = tally.to_put - tally.put_at_ses
                status.update(f"{tally.put_at_ses} of {tally.to_put} put at SES{_left(rest, 1)}…")

    return show


def _left(number: int, per_second: float) -> str:
    """The time that `number` items take, in words; empty when there are none or the rate is unknown."""
    if number <= 0 or per_second <= 0:
        return ""
    seconds = number / per_second
    return f", about {seconds / 60:.0f} min left" if seconds >= 90 else f", about {seconds:.0f} s left"


def _show(synced: Synced, terminal: Terminal, *, dry_run: bool) -> None:
    tally = synced.tally
    terminal.say(f"{tally.pages} pages with {tally.entries} entries of SES's list read.")
    if not dry_run:
        terminal.say(
            f"Here: {tally.added} added, {tally.unsuppressed} unsuppressed. At SES: {tally.put_at_ses} put, "
            f"{tally.removed_at_ses} removed, {tally.refused_by_ses} refused; {tally.undecided} undecided."
        )
    rows = [
        (meaning, synced.drift.count(where), ", ".join(synced.drift.differences[where].examples))
        for where, meaning in MEANING.items()
        if synced.drift.count(where)
    ]
    terminal.table(("entries that are", "count", "for example"), rows, empty="Both lists are empty.")
    if synced.switched_off:
        off = " and ".join(synced.switched_off)
        terminal.say(f"SES's list is switched off for {off}: its entries of that kind stop no email.")
    if tally.push_refused:
        terminal.say(escape(f"Nothing more was put at SES. {tally.push_refused}"))
    if tally.departed_unbelieved:
        terminal.say(
            f"{tally.departed_unbelieved} entries have left SES's list at once, so no address was unsuppressed here. "
            "If that is right, and this is the right account, pass --accept-departures."
        )


def arguments(parser: ArgumentParser) -> None:
    """The direction, and how much of it."""
    parser.add_argument("--direction", choices=[PULL, PUSH, BOTH], required=True)
    parser.add_argument("--dry-run", action="store_true", help="change nothing anywhere; show how the lists differ")
    parser.add_argument(
        "--full", action="store_true", help="read all of SES's list; default: what is new, and all of it once a day"
    )
    parser.add_argument("--manual-too", action="store_true", help="also put manual entries at SES, as bounces")
    parser.add_argument(
        "--accept-departures",
        action="store_true",
        help="unsuppress here although many entries have left SES's list at once",
    )
    add_data_option(parser)


COMMAND = Command(
    words=("suppressions", "sync"),
    summary="synchronize our list with that of the SES account, or show how they differ",
    example="./postern suppressions sync --direction pull; ./postern suppressions sync --direction both --dry-run",
    detail=DETAIL,
    arguments=arguments,
    run=run,
)
