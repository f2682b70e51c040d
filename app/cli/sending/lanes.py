"""`postern pause` and `postern resume`: stop sending in a lane without losing an email, and start again."""

from argparse import ArgumentParser, Namespace

from rich.markup import escape

from app.cli.shell.command import Command, add_data_option, on_gateway
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.queue import Lane


def pause(given: Namespace, terminal: Terminal) -> bool:
    """Pause a lane."""
    with operated_gateway(given.data) as (gateway, caller):
        gateway.pause_lanes.pause(caller, Lane(given.lane), reason=given.reason)
    back = on_gateway(f"./postern resume {given.lane}", given.data)
    terminal.say(escape(f"The lane {given.lane} is paused: emails are kept. `{back}` sends them."))
    terminal.answer({"lane": given.lane, "paused": True, "reason": given.reason})
    return True


def resume(given: Namespace, terminal: Terminal) -> bool:
    """Resume a lane."""
    with operated_gateway(given.data) as (gateway, caller):
        gateway.pause_lanes.resume(caller, Lane(given.lane))
    terminal.say(f"The lane {given.lane} is sending again.")
    terminal.answer({"lane": given.lane, "paused": False})
    return True


def lane_argument(parser: ArgumentParser) -> None:
    """The lane, and the data directory."""
    parser.add_argument("lane", choices=[lane.value for lane in Lane])
    add_data_option(parser)


def pause_arguments(parser: ArgumentParser) -> None:
    """The lane, and the reason."""
    lane_argument(parser)
    parser.add_argument("--reason", required=True, help="shown by /readyz, kept in the audit")


COMMANDS = (
    Command(
        words=("pause",),
        summary="pause a lane: its emails are accepted and kept, but not sent",
        example="./postern pause bulk --reason 'Wrong picture in the newsletter.'",
        arguments=pause_arguments,
        run=pause,
    ),
    Command(
        words=("resume",),
        summary="resume a paused lane",
        example="./postern resume bulk",
        arguments=lane_argument,
        run=resume,
    ),
)
