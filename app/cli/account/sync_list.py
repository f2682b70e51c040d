"""`postern suppressions sync`: our suppression list and that of the SES account, in step or compared."""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from rich.markup import escape
from rich.status import Status

from app.cli.command import Command, UsageMistake, add_data_option
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal
from app.domain.ses_list import Standing
from app.domain.suppression import Origin
from app.services.sync import ALWAYS_PUT, Synced
from app.services.sync_place import Order, Place, Stage, Tally

PULL, PUSH, BOTH = "pull", "push", "both"
REASONS: Final = ("BOUNCE", "COMPLAINT")

DETAIL = """\
pull: whom SES suppresses is suppressed here too, and whom only SES had suppressed is let go when SES has let go.
push: whom we know to bounce or complain is put on SES's list. It takes a second for each, as SES allows.
In every direction what a person has removed here stays removed: with pull, it is taken off SES's list as well.
It may be interrupted at any time; the next run, or the schedule, goes on from there."""

MEANING = {
    Standing.BOTH: "on both lists",
    Standing.OTHER_REASON: "on both, for another reason",
    Standing.ONLY_AT_SES: "only at SES: pull adds them",
    Standing.ONLY_HERE: "only here: push puts them at SES",
    Standing.REMOVED_HERE: "removed here since, still at SES: pull takes them off",
    Standing.LISTED_AGAIN: "removed here, and listed by SES after that: pull asks why",
    Standing.LEFT_SES: "here only because of SES, and not there any more: pull lifts them",
    Standing.FORGOTTEN: "at SES, of people who were forgotten here",
    Standing.EXEMPT: "addresses of SES's mailbox simulator, left alone",
    Standing.NO_ADDRESS: "at SES, and no addresses",
}


def run(given: Namespace, terminal: Terminal) -> bool:
    """Bring the lists into step, or tell how they differ."""
    order = _order(given)
    with operated_gateway(given.data) as (gateway, caller), terminal.waiting("Asking SES…") as status:
        tell = _progress(status)
        if given.dry_run:
            synced = gateway.sync.look(caller, order, tell=tell)
        else:
            synced = gateway.sync.run(caller, order, tell=tell)
    off = sorted(set(REASONS) - synced.reasons)
    _tell(synced, off, terminal, dry_run=given.dry_run)
    tally = asdict(synced.tally)
    drift = {where: asdict(one) for where, one in synced.drift.differences.items()}
    told = {"direction": given.direction, "dry_run": given.dry_run, **tally, "drift": drift, "switched_off": off}
    terminal.answer(told)
    return synced.tally.push_refused is None and not synced.tally.departed_unbelieved


def _order(given: Namespace) -> Order:
    if given.direction == PULL and given.manual_too:
        raise UsageMistake("--manual-too says what is put at SES: use it with --direction push or both")
    if given.direction == PUSH and given.accept_departures:
        raise UsageMistake("--accept-departures says whom to let go here: use it with --direction pull or both")
    origins = (*ALWAYS_PUT, Origin.MANUAL) if given.manual_too else ALWAYS_PUT
    return Order(
        adds=given.direction != PUSH,
        origins=() if given.direction == PULL else origins,
        full=given.full,
        accept_departures=given.accept_departures,
    )


def _progress(status: Status) -> Callable[[Place, Tally], None]:
    began = time.monotonic()

    def tell(place: Place, tally: Tally) -> None:
        seconds = max(time.monotonic() - began, 0.001)
        match place.stage:
            case Stage.LISTING:
                rate = tally.entries / seconds
                left = _left(place.size - place.entries, rate) if place.full else ""
                status.update(f"Page {place.pages}, {place.entries} entries read, {rate:.0f} a second{left}…")
            case Stage.SEEKING | Stage.LEAVING:
                status.update(f"Asking about {len(place.leaving)} who seem to have left{_left(len(place.leaving), 1)}…")
            case Stage.PUSHING:
                rest = tally.to_put - tally.put_at_ses
                status.update(f"{tally.put_at_ses} of {tally.to_put} put at SES{_left(rest, 1)}…")

    return tell


def _left(number: int, per_second: float) -> str:
    """How long so many take, when there are any and it is known how fast it goes."""
    if number <= 0 or per_second <= 0:
        return ""
    seconds = number / per_second
    return f", about {seconds / 60:.0f} min left" if seconds >= 90 else f", about {seconds:.0f} s left"


def _tell(synced: Synced, off: list[str], terminal: Terminal, *, dry_run: bool) -> None:
    tally = synced.tally
    terminal.say(f"{tally.pages} pages with {tally.entries} entries of SES's list read.")
    if not dry_run:
        terminal.say(
            f"Here: {tally.added} added, {tally.lifted} lifted. At SES: {tally.put_at_ses} put, "
            f"{tally.removed_at_ses} taken off, {tally.refused_by_ses} refused; {tally.undecided} undecided."
        )
    rows = [
        (meaning, synced.drift.count(where), ", ".join(synced.drift.differences[where].examples))
        for where, meaning in MEANING.items()
        if synced.drift.count(where)
    ]
    terminal.table(("entries that are", "count", "for example"), rows, empty="Both lists are empty.")
    if off:
        terminal.say(f"SES's list is switched off for {' and '.join(off)}: its entries of that kind keep nothing back.")
    if tally.push_refused:
        terminal.say(escape(f"Nothing more was put at SES. {tally.push_refused}"))
    if tally.departed_unbelieved:
        terminal.say(
            f"{tally.departed_unbelieved} have left SES's list at once, so nobody was let go here. "
            "If that is right, and this is the right account, pass --accept-departures."
        )


def arguments(parser: ArgumentParser) -> None:
    """Which way, and how far."""
    parser.add_argument("--direction", choices=[PULL, PUSH, BOTH], required=True)
    parser.add_argument("--dry-run", action="store_true", help="change nothing anywhere; tell how the lists differ")
    parser.add_argument(
        "--full", action="store_true", help="read all of SES's list; else what is new, and all once a day"
    )
    parser.add_argument("--manual-too", action="store_true", help="put at SES, as bounces, whom people suppressed here")
    parser.add_argument(
        "--accept-departures", action="store_true", help="let go of many at once who have left SES's list"
    )
    add_data_option(parser)


COMMAND = Command(
    words=("suppressions", "sync"),
    summary="bring our list and that of the SES account into step, or tell how they differ",
    example="./postern suppressions sync --direction pull; ./postern suppressions sync --direction both --dry-run",
    detail=DETAIL,
    arguments=arguments,
    run=run,
)
