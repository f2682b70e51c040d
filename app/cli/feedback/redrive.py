"""`postern feedback redrive`: bring back the notifications that a dead-letter queue or an archive holds."""

from argparse import ArgumentParser, Namespace

from rich.markup import escape

from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.filters import moment
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.moments import read_since, read_until
from app.services.feedback.queues.redrive import COUNTED, Order, Redriven

_MEANING = {
    "stored": "stored in the inbox",
    "duplicate": "stored before",
    "refused": "not authentic: they stay in the queue",
    "skipped": "outside of the dates, or about a subscription: they stay in the queue",
    "left": "could not be verified now: they stay in the queue, so run the command again",
}


def run(given: Namespace, terminal: Terminal) -> bool:
    """Bring the notifications back."""
    if given.since and given.until and given.since >= given.until:
        raise UsageMistake("--since must be before --until")
    order = Order(dry_run=given.dry_run, keep=given.keep, since=given.since, until=given.until)
    with operated_gateway(given.data) as (gateway, caller):
        total = gateway.redrive.count(caller, given.queue)
        with terminal.progress("Reading", total=total) as show:
            done = gateway.redrive(caller, given.queue, order, show=lambda so_far: show(so_far.seen, so_far.seen))
    _show(done, order, terminal)
    counts = {name: done.counts[name] for name in COUNTED}
    terminal.answer(
        {
            "queue": done.queue,
            "dry_run": order.dry_run,
            "messages": done.seen,
            **counts,
            "deleted": done.deleted,
            "reasons": dict(done.reasons),
        }
    )
    return not (done.counts["refused"] or done.counts["left"])


def _show(done: Redriven, order: Order, terminal: Terminal) -> None:
    what = "Nothing was changed. They would be" if order.dry_run else "They were"
    terminal.say(f"{done.seen:,} messages of the queue {escape(done.queue)}. {what}:")
    rows = [(f"{done.counts[name]:,}", name, _MEANING[name]) for name in COUNTED if done.counts[name]]
    terminal.table(("messages", "what", "meaning"), rows, empty="The queue has no message to receive.")
    if done.reasons:
        terminal.table(("messages", "why"), [(f"{count:,}", why) for why, count in done.reasons.most_common()])
    if order.keep or order.dry_run:
        terminal.say("All of them stay in the queue.")
    elif done.deleted:
        terminal.say(f"{done.deleted:,} were deleted from the queue.")


def arguments(parser: ArgumentParser) -> None:
    """The queue, and what to bring back."""
    add = parser.add_argument
    add("queue", metavar="QUEUE", help="the URL of the queue")
    add("--dry-run", action="store_true", help="store and delete nothing; show what would be done")
    add("--keep", action="store_true", help="delete nothing from the queue: for an archive")
    add(
        "--since",
        type=moment(read_since),
        metavar="T",
        help="only what SNS published from this time on, or from this day",
    )
    add(
        "--until",
        type=moment(read_until),
        metavar="T",
        help="only what SNS published before this time, or up to this day",
    )
    add_data_option(parser)


COMMAND = Command(
    words=("feedback", "redrive"),
    summary="bring back the notifications of a dead-letter queue or an archive",
    detail=(
        "Each message is verified like any other, but may be of any age. It is stored and then deleted from the\n"
        "queue; a notification that was stored before is not stored again. What stays in the queue is hidden from\n"
        "other readers while the command runs, and visible again after it. It may be interrupted and repeated.\n"
        "The exit code is 1 when messages were refused or could not be verified now."
    ),
    example="./postern feedback redrive https://sqs.eu-west-1.amazonaws.com/123456789012/postern-dead --dry-run",
    arguments=arguments,
    run=run,
)
