"""`postern bounces`: the replies of mail servers that no rule reads, and reading stored bounces again."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.markup import escape

from app.cli.shell.command import Command, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal

_DAYS, _MOST = 90, 100


def unmatched(given: Namespace, terminal: Terminal) -> bool:
    """List the replies that no rule reads, the most frequent first."""
    with operated_gateway(given.data) as (gateway, caller):
        found = gateway.bounce_review.unmatched(caller, since=_since(given.days), limit=given.limit)
    terminal.table(("bounces", "reply"), [(one.count, one.reply) for one in found], empty="The rules read every reply.")
    if given.export:
        given.export.write_text("".join(f"{one.count}\t{one.reply!r}\n" for one in found), encoding="utf-8")
        terminal.say(f"The replies are in {escape(str(given.export))}, with addresses masked.")
    terminal.answer({"unmatched": [asdict(one) for one in found]})
    return True


def reread(given: Namespace, terminal: Terminal) -> bool:
    """Read stored bounces again by the rules of today."""
    with operated_gateway(given.data) as (gateway, caller), terminal.waiting("Reading…") as status:
        done = gateway.bounce_review.reread(
            caller,
            since=_since(given.days),
            dry_run=given.dry_run,
            show=lambda number: status.update(f"{number} bounces read…"),
        )
    would = "would be " if given.dry_run else ""
    terminal.say(f"{done.bounces} bounces read, {done.changed.total()} otherwise than before.")
    terminal.table(
        ("bounces", "what followed", "what follows now"),
        [(count, before, after) for (before, after), count in sorted(done.changed.items())],
        empty="Nothing changes.",
    )
    terminal.say(f"{done.suppressed} addresses {would}suppressed, {done.unsuppressed} {would}unsuppressed.")
    changed = [{"from": before, "to": after, "bounces": count} for (before, after), count in done.changed.items()]
    counts = {"bounces": done.bounces, "suppressed": done.suppressed, "unsuppressed": done.unsuppressed}
    terminal.answer({"dry_run": given.dry_run, **counts, "changed": changed})
    return True


def _since(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def unmatched_arguments(parser: ArgumentParser) -> None:
    """How far back, how many, and where to."""
    parser.add_argument("--days", type=int, default=_DAYS, help=f"how far to look back (default: {_DAYS})")
    parser.add_argument("--limit", type=int, default=_MOST, metavar="N", help=f"at most so many (default: {_MOST})")
    parser.add_argument("--export", type=Path, metavar="FILE", help="write them to a file too, one a line")
    add_data_option(parser)


def reread_arguments(parser: ArgumentParser) -> None:
    """How far back, and whether to change anything."""
    parser.add_argument("--days", type=int, default=_DAYS, help=f"how far to look back (default: {_DAYS})")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("bounces", "unmatched"),
        summary="list the replies of mail servers that no rule reads, the most frequent first",
        example="./postern bounces unmatched --days 30",
        detail="Addresses are masked. A rule for such a reply goes into the file that BOUNCE_RULES names.",
        arguments=unmatched_arguments,
        run=unmatched,
    ),
    Command(
        words=("bounces", "reread"),
        summary="read stored bounces again, after the rules have changed",
        example="./postern bounces reread --dry-run",
        detail="An address is unsuppressed only if no other bounce of it suppresses. What a person decided stays.",
        arguments=reread_arguments,
        run=reread,
    ),
)
