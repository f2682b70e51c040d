"""`postern alerts`: where an operator is alerted when incidents and circuits open and close."""

from argparse import ArgumentParser, Namespace
from typing import Any
from uuid import UUID

from rich.markup import escape

from app.cli.shell.command import Command, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.services.operating.alerts.channels import EndpointFormat

COLUMNS = ("channel", "kind", "to", "state", "since")
# Half of the path of Slack's URL is its secret.
SHOWN = 45


def show_all(given: Namespace, terminal: Terminal) -> bool:
    """List the channels."""
    with operated_gateway(given.data) as (gateway, caller):
        found = [_shown(one) for one in gateway.alert_channels.all(caller)]
    rows = [[one["id"], one["kind"], one["to"], one["state"], one["created_at"]] for one in found]
    terminal.table(COLUMNS, rows, empty="There is no channel: `./postern alerts add` adds one.")
    terminal.answer({"channels": found})
    return True


def add(given: Namespace, terminal: Terminal) -> bool:
    """Add a channel."""
    with operated_gateway(given.data) as (gateway, caller):
        channel = gateway.alert_channels.add(caller, given.target, EndpointFormat(given.kind))
    terminal.say(f"Added. `./postern alerts test {channel.endpoint.id}` sends a test.")
    if channel.secret is not None:
        terminal.say(escape(f"What is posted is signed with {channel.secret}"))
        terminal.say("[dim]docs/webhooks.md says how to verify it.[/]")
    terminal.answer({"channel": _shown(channel.endpoint), "signing_secret": channel.secret})
    return True


def remove(given: Namespace, terminal: Terminal) -> bool:
    """Remove a channel."""
    with operated_gateway(given.data) as (gateway, caller):
        gateway.alert_channels.remove(caller, given.channel)
    terminal.say("Removed.")
    terminal.answer({"removed": True})
    return True


def test(given: Namespace, terminal: Terminal) -> bool:
    """Send a test to a channel."""
    with operated_gateway(given.data) as (gateway, caller):
        delivery = gateway.alert_channels.test(caller, given.channel)
    terminal.say(f"Sent. `./postern webhook deliveries {given.channel}` shows what became of it.")
    terminal.answer({"delivery": str(delivery)})
    return True


def _shown(channel: Any) -> dict[str, Any]:
    return {
        "id": channel.id,
        "kind": channel.format,
        "to": channel.url[:SHOWN],
        "state": "disabled" if channel.disabled_at else "enabled",
        "created_at": channel.created_at,
    }


def add_arguments(parser: ArgumentParser) -> None:
    """The target and its kind."""
    parser.add_argument("target", metavar="TARGET", help="a URL, or an email address")
    parser.add_argument(
        "--kind",
        choices=[one.value for one in EndpointFormat],
        default=EndpointFormat.STANDARD.value,
        help="standard: a webhook that gets signed JSON; slack: an incoming webhook of Slack; email: an address "
        "(%(default)s)",
    )
    add_data_option(parser)


def one_channel(parser: ArgumentParser) -> None:
    """The channel."""
    parser.add_argument("channel", type=UUID, metavar="ID", help="the id of the channel")
    add_data_option(parser)


COMMANDS = (
    Command(
        words=("alerts", "list"),
        summary="list where you are alerted (the word `list` may be left out)",
        example="./postern alerts list",
        arguments=add_data_option,
        run=show_all,
        default=True,
    ),
    Command(
        words=("alerts", "add"),
        summary="be alerted when incidents and circuits open and close, each once",
        detail="An email goes through the mail server of ALERT_SMTP_URL, not through SES.",
        example="./postern alerts add https://hooks.slack.com/services/T000/B000/XXXX --kind slack",
        arguments=add_arguments,
        run=add,
    ),
    Command(
        words=("alerts", "test"),
        summary="send a test to a channel",
        example="./postern alerts test 01a20c71-3a9b-777f-aacc-2be986456415",
        arguments=one_channel,
        run=test,
    ),
    Command(
        words=("alerts", "remove"),
        summary="remove a channel",
        example="./postern alerts remove 01a20c71-3a9b-777f-aacc-2be986456415",
        arguments=one_channel,
        run=remove,
    ),
)
