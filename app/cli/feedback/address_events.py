"""`postern events`: everything that SES has reported about one address, for every application, and its effects."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from app.cli.shell.command import Command, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal

COLUMNS = ("when", "what", "detail", "concluded")


def run(given: Namespace, terminal: Terminal) -> bool:
    """List the events of the address, the newest first."""
    with operated_gateway(given.data) as (gateway, caller):
        events = gateway.look_up.events_of(caller, given.address)
    rows = [(one.occurred_at, one.type, one.detail, one.effect) for one in events]
    terminal.table(COLUMNS, rows, empty="SES has reported nothing about this address.")
    terminal.answer({"events": [asdict(one) for one in events]})
    return True


def arguments(parser: ArgumentParser) -> None:
    """The address."""
    parser.add_argument("address", metavar="ADDR", help="the address of the recipient")
    add_data_option(parser)


COMMAND = Command(
    words=("events",),
    summary="list what SES has reported about an address, for emails of every application",
    example="./postern events kim@example.net",
    arguments=arguments,
    run=run,
)
