"""`postern pause` and `postern resume`: hold a lane back without losing anything."""

from argparse import ArgumentParser, Namespace

from rich.markup import escape

from app.cli.command import Command, add_data_option
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal
from app.queue import Lane
from app.services.pause import Pause


def pause(given: Namespace, terminal: Terminal) -> bool:
    """Hold a lane back."""
    with operated_gateway(given.data) as (gateway, caller):
        Pause(database=gateway.database).pause(caller, Lane(given.lane), reason=given.reason)
    terminal.say(
        escape(f"The lane {given.lane} waits: mail is accepted and kept. `./postern resume {given.lane}` lets it go.")
    )
    terminal.answer({"lane": given.lane, "paused": True, "reason": given.reason})
    return True


def resume(given: Namespace, terminal: Terminal) -> bool:
    """Let a lane go on."""
    with operated_gateway(given.data) as (gateway, caller):
        Pause(database=gateway.database).resume(caller, Lane(given.lane))
    terminal.say(f"The lane {given.lane} goes on.")
    terminal.answer({"lane": given.lane, "paused": False})
    return True


def lane_argument(parser: ArgumentParser) -> None:
    """Which lane."""
    parser.add_argument("lane", choices=[lane.value for lane in Lane])
    add_data_option(parser)


def pause_arguments(parser: ArgumentParser) -> None:
    """Which lane and why."""
    lane_argument(parser)
    parser.add_argument("--reason", required=True, help="shown by /readyz, kept in the audit")


COMMANDS = (
    Command(
        words=("pause",),
        summary="hold a lane back; its mail is accepted and kept",
        example="./postern pause bulk --reason 'Wrong picture in the newsletter.'",
        arguments=pause_arguments,
        run=pause,
    ),
    Command(
        words=("resume",),
        summary="let a paused lane go on",
        example="./postern resume bulk",
        arguments=lane_argument,
        run=resume,
    ),
)
