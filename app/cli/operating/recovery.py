"""`postern recovery`: database recovery. Nothing is sent on a restored database until SES's events have come in.

The events show which emails were sent after the moment to which the database was restored.
"""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from datetime import UTC, datetime

from rich.markup import escape

from app.cli.shell.command import Command, add_data_option, on_gateway
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.services.operating.database_recovery import counted


def begin(given: Namespace, terminal: Terminal) -> bool:
    """Pause all sending."""
    with operated_gateway(given.data) as (gateway, caller):
        gateway.restore.begin(caller, reason=given.reason)
    terminal.say("Nothing is sent now. Emails are still accepted, and notifications are still read.")
    again = on_gateway("./postern recovery status", given.data)
    terminal.say(escape(f"`{again}` shows when the recovery may end."))
    terminal.answer({"recovering": True})
    return True


def status(given: Namespace, terminal: Terminal) -> bool:
    """Show how far the recovery is."""
    with operated_gateway(given.data) as (gateway, _):
        recovery = gateway.restore.progress()
    if recovery is None:
        terminal.say("No recovery is going on: emails are sent.")
        terminal.answer({"recovering": False})
        return True
    ready = recovery.is_over(datetime.now(UTC))
    terminal.say(
        f"{counted(recovery).capitalize()} notifications are unread; "
        f"events may come until {recovery.not_before:%H:%M:%S} UTC."
    )
    finish = on_gateway("./postern recovery end", given.data)
    terminal.say(escape(f"`{finish}` starts sending again.") if ready else "It may not end yet: ask again later.")
    terminal.answer({"recovering": True, "ready": ready, **asdict(recovery)})
    return True


def end(given: Namespace, terminal: Terminal) -> bool:
    """Start sending again."""
    with operated_gateway(given.data) as (gateway, caller):
        gateway.restore.end(caller, force=given.force)
    terminal.say("Emails are sent again.")
    terminal.answer({"recovering": False})
    return True


def begin_arguments(parser: ArgumentParser) -> None:
    """The reason."""
    parser.add_argument("--reason", required=True, help="shown by /readyz and by every email that waits")
    add_data_option(parser)


def end_arguments(parser: ArgumentParser) -> None:
    """Whether to end before all events have come in."""
    parser.add_argument("--force", action="store_true", help="do not wait for events: emails may be sent twice")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("recovery", "begin"),
        summary="pause all sending, before a worker starts on a restored database",
        example="./postern recovery begin --reason 'Restored to 04:00 UTC.'",
        arguments=begin_arguments,
        run=begin,
    ),
    Command(
        words=("recovery", "status"),
        summary="show whether all events have come in",
        example="./postern recovery status",
        arguments=add_data_option,
        run=status,
    ),
    Command(
        words=("recovery", "end"),
        summary="end the recovery: emails are sent again",
        example="./postern recovery end",
        arguments=end_arguments,
        run=end,
    ),
)
