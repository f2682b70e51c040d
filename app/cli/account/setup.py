"""`postern ses status`: check that the AWS account sends emails, and that its events arrive here. It only reads."""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.cli.shell.command import Command, CommandFailed, add_data_option, on_gateway
from app.cli.shell.operated_gateway import operated_gateway, take_from
from app.cli.shell.terminal import Terminal, shown
from app.services.feedback.rejections import DOUBTED, REFUSED
from app.wiring.account import aws_side, expected
from config import load

MOST_INCIDENTS = 1_000


@dataclass(frozen=True, slots=True)
class Arriving:
    """Whether the notifications of a topic are taken here, as the incidents of this gateway tell."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def run(given: Namespace, terminal: Terminal) -> bool:
    """Check the account, and what arrives; True when nothing is wrong."""
    take_from(given.data)
    settings = load()
    findings = [asdict(one) for one in aws_side(settings).findings(expected(settings))]
    findings += [asdict(one) for one in _arriving(given.data)]
    terminal.table(("", "part", "found", "what to do"), map(_row, findings))
    well = all(one["ok"] for one in findings)
    terminal.answer({"ok": well, "region": settings.aws_region, "findings": findings})
    return well


def _row(finding: dict[str, Any]) -> tuple[str, str, str, str]:
    advice = "" if finding["ok"] else finding["advice"]
    return "ok" if finding["ok"] else "WRONG", finding["name"], finding["found"], advice


def _arriving(data: Path | None) -> Iterator[Arriving]:
    """What was refused at `/feedback/sns`, and a topic whose subscription could not be confirmed."""
    name = "notifications"
    try:
        with operated_gateway(data) as (gateway, caller):
            open_incidents = gateway.triage.incidents(caller, limit=MOST_INCIDENTS)
    except CommandFailed as failure:
        yield Arriving(name, ok=False, found=str(failure), advice="then run this again")
        return
    refused = [one for one in open_incidents if one.kind in {REFUSED, DOUBTED}]
    if not refused:
        yield Arriving(name, ok=True, found="none was refused here")
    for one in refused:
        found = f"{one.subject}, {shown(one.last_at)} UTC: {one.detail}"
        close = on_gateway(f"./postern incidents close {one.id}", data)
        yield Arriving(name, ok=False, found=found, advice=f"mend it, then `{close}`")


COMMAND = Command(
    words=("ses", "status"),
    summary="check the SES account, its configuration set and its topics, and what arrives here",
    detail="Changes nothing. Exits with 1 when something is wrong, and says what to do about it.",
    example="./postern ses status",
    arguments=add_data_option,
    run=run,
)
