"""`postern suppressions explain`: why no email is sent to an address, and who can unsuppress it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from app.cli.shell.command import Command, UsageMistake, add_data_option, on_gateway
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal, shown
from app.services.suppression.explanation.explain import Ask, Explanation
from app.services.suppression.explanation.layer import Finding, LayerName

_NAMES = {
    LayerName.LIST: "our list, the address",
    LayerName.DOMAIN: "our list, its whole domain",
    LayerName.REVIEW: "a review of many bounces",
    LayerName.SES_ACCOUNT: "SES's list of the account",
    LayerName.SES_GLOBAL: "SES's global list",
    LayerName.SOFT_BOUNCES: "soft bounces",
    LayerName.SENDING: "lanes, circuits and recovery",
    LayerName.LAST_EMAILS: "the last emails",
}


def run(given: Namespace, terminal: Terminal) -> bool:
    """Show what every layer says about the address. Always succeeds."""
    if given.stream and not given.app:
        raise UsageMistake("--stream names a stream of an application: give --app too")
    ask = Ask(app=given.app, stream=given.stream, live=given.live)
    with operated_gateway(given.data) as (gateway, caller):
        found = gateway.explain(caller, given.address, ask)
    for line in _lines(found, given.data):
        terminal.say(escape(line))
    terminal.answer(asdict(found))
    return True


def _lines(found: Explanation, data: Path | None) -> Iterator[str]:
    for number, layer in enumerate(found.layers, start=1):
        yield f"{number}. {_NAMES[layer.name]}: {layer.verdict}. {layer.summary}"
        for finding in layer.findings:
            yield from (f"     {line}" for line in _details(finding, data))
    if found.last_event:
        event = found.last_event
        text = f"{event.detail} {event.effect}".strip()
        yield f"The last event, {shown(event.at)} UTC: {text}"
    else:
        yield "SES has reported nothing about this address."
    yield f"Would an email be sent now: {'yes' if found.would_send else 'no'}. {found.conclusion}"


def _details(finding: Finding, data: Path | None) -> Iterator[str]:
    where = f" in {finding.scope}" if finding.scope else ""
    since = f", since {shown(finding.since)} UTC" if finding.since else ""
    until = f", until {shown(finding.until)} UTC" if finding.until else ""
    yield f"{finding.says}{where and f' ({finding.origin}{where})'}{since}{until}"
    if finding.diagnostic:
        yield f"The server said: {finding.diagnostic}"
    if finding.email_id:
        yield f"The email: {finding.email_id}"
    if finding.remedy:
        yield f"Unsuppressed by {finding.remedy.by}"
        command = finding.remedy.command
        if command and command.startswith("./postern "):
            command = on_gateway(command, data)
        yield from (f"  {how}" for how in (command, finding.remedy.call) if how)


def arguments(parser: ArgumentParser) -> None:
    """The address, and the application and stream of the email."""
    parser.add_argument("address", metavar="ADDR", help="the address to explain")
    parser.add_argument("--app", help="explain for emails of this application; default: of any")
    parser.add_argument("--stream", help="explain for emails of this stream of --app")
    parser.add_argument("--live", action="store_true", help="ask SES itself for its list, instead of reading our copy")
    add_data_option(parser)


COMMAND = Command(
    words=("suppressions", "explain"),
    summary="show why no email is sent to an address, layer by layer, and who can unsuppress it",
    example="./postern suppressions explain kim@example.net --app invites --stream invitations",
    arguments=arguments,
    run=run,
)
