"""`postern recovery`: send nothing on a restored database until SES's events have told what had left since."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from datetime import UTC, datetime

from app.cli.command import Command, add_data_option
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal


def begin(given: Namespace, terminal: Terminal) -> bool:
    """Pause all sending."""
    with operated_gateway(given.data) as (gateway, caller):
        gateway.restore.begin(caller, reason=given.reason)
    terminal.say("Nothing is sent now; mail is accepted, and feedback settled.")
    terminal.say("`./postern recovery status` tells when it may end.")
    terminal.answer({"recovering": True})
    return True


def status(given: Namespace, terminal: Terminal) -> bool:
    """Tell how far it is."""
    with operated_gateway(given.data) as (gateway, _):
        recovery = gateway.restore.progress()
    if recovery is None:
        terminal.say("Nothing is being recovered: mail goes out.")
        terminal.answer({"recovering": False})
        return True
    ready = recovery.is_over(datetime.now(UTC))
    terminal.say(
        f"{recovery.unread} notifications are unread; events may come until {recovery.not_before:%H:%M:%S} UTC."
    )
    terminal.say("`./postern recovery end` lets mail go." if ready else "Not yet: wait, then ask again.")
    terminal.answer({"recovering": True, "ready": ready, **asdict(recovery)})
    return True


def end(given: Namespace, terminal: Terminal) -> bool:
    """Let mail go again."""
    with operated_gateway(given.data) as (gateway, caller):
        gateway.restore.end(caller, force=given.force)
    terminal.say("Mail goes out again.")
    terminal.answer({"recovering": False})
    return True


def begin_arguments(parser: ArgumentParser) -> None:
    """Why."""
    parser.add_argument("--reason", required=True, help="shown by /readyz and by every mail that waits")
    add_data_option(parser)


def end_arguments(parser: ArgumentParser) -> None:
    """Whether to wait."""
    parser.add_argument("--force", action="store_true", help="although events may still come: mail may be sent twice")
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
        summary="tell whether all feedback has come in",
        example="./postern recovery status",
        arguments=add_data_option,
        run=status,
    ),
    Command(
        words=("recovery", "end"),
        summary="let mail go again",
        example="./postern recovery end",
        arguments=end_arguments,
        run=end,
    ),
)
