"""`postern stream`: the titles of streams, and which of them carry a one-click unsubscribe link."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from rich.markup import escape

from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal

_SWITCH = {"on": True, "off": False}


def put(given: Namespace, terminal: Terminal) -> bool:
    """Set a stream."""
    if given.title is None and given.unsubscribe is None:
        raise UsageMistake("say what to set: --title, --unsubscribe, or both")
    unsubscribe = None if given.unsubscribe is None else _SWITCH[given.unsubscribe]
    with operated_gateway(given.data) as (gateway, caller):
        stream = gateway.streams.set(caller, given.app, given.stream, title=given.title, unsubscribe=unsubscribe)
    email = "carries a link to unsubscribe" if stream.unsubscribe else "carries no link"
    terminal.say(escape(f"{stream.app}/{stream.name} is titled '{stream.title}'. Each of its emails {email}."))
    terminal.answer(asdict(stream))
    return True


def show_all(given: Namespace, terminal: Terminal) -> bool:
    """List the streams that were set."""
    with operated_gateway(given.data) as (gateway, caller):
        streams = gateway.streams.all(caller)
    rows = [(one.app, one.name, one.title, one.unsubscribe, one.created_at) for one in streams]
    terminal.table(("app", "stream", "title", "unsubscribe", "since"), rows, empty="No stream was set.")
    terminal.answer({"streams": [asdict(one) for one in streams]})
    return True


def put_arguments(parser: ArgumentParser) -> None:
    """The stream, and what to set."""
    parser.add_argument("app", metavar="APP", help="the application that sends the stream")
    parser.add_argument("stream", metavar="STREAM", help="the name of the stream, as its emails give it")
    parser.add_argument("--title", help="the title that recipients see; default: the name of the stream")
    parser.add_argument("--unsubscribe", choices=list(_SWITCH), help="whether its emails carry a one-click link")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("stream", "set"),
        summary="set the title of a stream, and whether its emails carry a link to unsubscribe",
        example="./postern stream set invites invitations --title 'Invitations of ACME' --unsubscribe on",
        arguments=put_arguments,
        run=put,
    ),
    Command(
        words=("stream", "list"),
        summary="list the streams that were set",
        example="./postern stream list",
        arguments=add_data_option,
        run=show_all,
    ),
)
