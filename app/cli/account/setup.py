"""`postern ses status`: the former name of `postern doctor`, for one more release."""

import sys
from argparse import Namespace
from typing import Any

from app.cli.account.doctor import conclude, examine
from app.cli.shell.command import Command, Ended, add_data_option
from app.cli.shell.operated_gateway import take_from
from app.cli.shell.terminal import Terminal
from app.domain.account.findings import Finding
from config import load

_OUTDATED = "postern: `ses status` is now `./postern doctor`, and this name goes away with the next release\n"


def run(given: Namespace, terminal: Terminal) -> bool:
    """Check everything; True when nothing is wrong and everything could be looked at."""
    sys.stderr.write(_OUTDATED)
    take_from(given.data)
    settings = load()
    found = examine(Namespace(live=False, sender=None, resolver=None), settings, terminal)
    ended = conclude(found, terminal, region=settings.aws_region, findings=[_as_before(one) for one in found])
    return ended is Ended.DONE


def _as_before(finding: Finding) -> dict[str, Any]:
    """The finding with the fields that this command had."""
    return {"name": finding.name, "ok": finding.ok is not False, "found": finding.found, "advice": finding.fix}


COMMAND = Command(
    words=("ses", "status"),
    summary="the former name of `doctor`, for one more release",
    detail="Changes nothing. Exits with 1 when something is wrong or could not be looked at.",
    example="./postern ses status",
    arguments=add_data_option,
    run=run,
)
