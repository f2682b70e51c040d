"""`postern ses status`: is the AWS side set up so that mail goes out and its fate comes back? It only reads."""

from argparse import Namespace
from dataclasses import asdict

from app.cli.aws_setup import aws_setup
from app.cli.command import Command, add_data_option
from app.cli.environment import take_from
from app.cli.terminal import Terminal
from config import load


def run(given: Namespace, terminal: Terminal) -> bool:
    """Look the account over; True when nothing is wrong."""
    take_from(given.data)
    settings = load()
    findings = list(aws_setup(settings.aws_region).findings(settings))
    rows = [("ok" if one.ok else "WRONG", one.name, one.found, "" if one.ok else one.advice) for one in findings]
    terminal.table(("", "part", "found", "what to do"), rows)
    well = all(one.ok for one in findings)
    terminal.answer({"ok": well, "region": settings.aws_region, "findings": [asdict(one) for one in findings]})
    return well


COMMAND = Command(
    words=("ses", "status"),
    summary="look over the SES account, its configuration set and its topics",
    detail="Reads only. Ends with 1 when something is wrong, and says what to do about it.",
    example="./postern ses status",
    arguments=add_data_option,
    run=run,
)
