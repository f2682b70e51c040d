"""`postern ses status`: check that the AWS account sends emails and publishes their events. It only reads."""

from argparse import Namespace
from dataclasses import asdict

from app.cli.shell.command import Command, add_data_option
from app.cli.shell.operated_gateway import take_from
from app.cli.shell.terminal import Terminal
from app.wiring.account import aws_side, expected
from config import load


def run(given: Namespace, terminal: Terminal) -> bool:
    """Check the account; True when nothing is wrong."""
    take_from(given.data)
    settings = load()
    findings = list(aws_side(settings).findings(expected(settings)))
    rows = [("ok" if one.ok else "WRONG", one.name, one.found, "" if one.ok else one.advice) for one in findings]
    terminal.table(("", "part", "found", "what to do"), rows)
    well = all(one.ok for one in findings)
    terminal.answer({"ok": well, "region": settings.aws_region, "findings": [asdict(one) for one in findings]})
    return well


COMMAND = Command(
    words=("ses", "status"),
    summary="check the SES account, its configuration set and its topics",
    detail="Changes nothing. Exits with 1 when something is wrong, and says what to do about it.",
    example="./postern ses status",
    arguments=add_data_option,
    run=run,
)
