"""`postern check`: whether an email to these addresses would be sent, and if not, why."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from app.cli.shell.command import Command, UsageMistake, add_data_option
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.message.address import ADDRESS_LIMIT, NAME_LIMIT
from app.services.submission.check import Checked

AT_A_TIME = 1_000
COLUMNS = ("address", "would be sent", "why not", "did you mean")


def run(given: Namespace, terminal: Terminal) -> bool:
    """Show the answer for each address; True when an email to every one of them would be sent."""
    if given.stream and not given.app:
        raise UsageMistake("--stream names a stream of an application: give --app too")
    addresses = tuple(_listed(given.addresses))
    if not addresses:
        raise UsageMistake("give addresses, or - to read them from standard input, one a line")
    found: list[Checked] = []
    with operated_gateway(given.data) as (gateway, caller):
        for start in range(0, len(addresses), AT_A_TIME):
            found += gateway.check(caller, addresses[start : start + AT_A_TIME], app=given.app, stream=given.stream)
    terminal.table(COLUMNS, [(one.given, one.would_send, _why(one), one.did_you_mean) for one in found])
    checked = [{**asdict(one), "would_send": one.would_send} for one in found]
    terminal.answer({"checked": checked, "would_send": sum(one.would_send for one in found)})
    return all(one.would_send for one in found)


def _listed(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if word != "-":
            yield word
            continue
        while line := sys.stdin.readline(ADDRESS_LIMIT + NAME_LIMIT):
            if text := line.strip():
                yield text


def _why(one: Checked) -> str:
    detail = one.obstacle.detail if one.obstacle else ""
    return f"{detail} The domain accepts no mail.".strip() if one.no_mx else detail


def arguments(parser: ArgumentParser) -> None:
    """The addresses, and the application and stream of the email."""
    parser.add_argument("addresses", metavar="ADDR", nargs="+", help="an address; - reads standard input, one a line")
    parser.add_argument("--app", help="check for an email of this application; default: what holds for every email")
    parser.add_argument("--stream", help="check for an email of this stream of --app")
    add_data_option(parser)


COMMAND = Command(
    words=("check",),
    summary="show whether an email to these addresses would be sent, and if not, why; sends nothing",
    example="./postern check ann@example.net kim@example.net; ./postern check - < addresses.txt",
    arguments=arguments,
    run=run,
)
