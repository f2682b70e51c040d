"""`postern news`: all that SES has reported of one address, whoever sent the mail, and what was concluded from it."""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from app.cli.command import Command, add_data_option
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal

COLUMNS = ("when", "what", "detail", "concluded")


def run(given: Namespace, terminal: Terminal) -> bool:
    """Tell what was heard, the newest first."""
    with operated_gateway(given.data) as (gateway, caller):
        heard = gateway.look_up.news_of(caller, given.address)
    rows = [(one.occurred_at, one.type, one.detail, one.effect) for one in heard]
    terminal.table(COLUMNS, rows, empty="SES has reported nothing of this address.")
    terminal.answer({"news": [asdict(one) for one in heard]})
    return True


def arguments(parser: ArgumentParser) -> None:
    """Of whom."""
    parser.add_argument("address", metavar="ADDR")
    add_data_option(parser)


COMMAND = Command(
    words=("news",),
    summary="tell what SES has reported of an address, whoever sent the mail",
    example="./postern news kim@example.net",
    arguments=arguments,
    run=run,
)
