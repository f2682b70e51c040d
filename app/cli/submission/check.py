"""`postern check`: would a mail to these addresses be sent, and if not, why."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from app.cli.command import Command, UsageMistake, add_data_option
from app.cli.environment import operated_gateway
from app.cli.terminal import Terminal
from app.domain.address import ADDRESS_LIMIT, NAME_LIMIT
from app.services.check import Checked

AT_A_TIME = 1_000
COLUMNS = ("address", "would be sent", "why not", "did you mean")


def run(given: Namespace, terminal: Terminal) -> bool:
    """Tell of each address; success when a mail to every one of them would be sent."""
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
    told = [{**asdict(one), "would_send": one.would_send} for one in found]
    terminal.answer({"checked": told, "would_send": sum(one.would_send for one in found)})
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
    told = one.obstacle.detail if one.obstacle else ""
    return f"{told} The domain takes no mail.".strip() if one.no_mx else told


def arguments(parser: ArgumentParser) -> None:
    """Whom, and with what mail."""
    parser.add_argument("addresses", metavar="ADDR", nargs="+", help="or - for standard input, one a line")
    parser.add_argument("--app", help="for a mail of this application; default: what holds for every mail")
    parser.add_argument("--stream", help="and of this stream of it")
    add_data_option(parser)


COMMAND = Command(
    words=("check",),
    summary="tell whether a mail to these addresses would be sent, and why not; sends nothing",
    example="./postern check ann@example.net kim@example.net; ./postern check - < addresses.txt",
    arguments=arguments,
    run=run,
)
