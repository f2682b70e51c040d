"""`postern send`: submit one email to a running gateway, through its public API, and follow it to its end."""

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from uuid import uuid4

from rich.markup import escape

from app.cli.shell.api_client import Api, Json
from app.cli.shell.command import Command, CommandFailed, UsageMistake, add_data_option
from app.cli.shell.data_dir import DataDir
from app.cli.shell.operated_gateway import DEFAULT_DATA, of_the_client
from app.cli.shell.terminal import Terminal
from app.domain.sending.state_machine import ENDED_UNSENT, State

LOOK_EVERY_S = 0.2
SETTLED = ENDED_UNSENT | {State.DELIVERED, State.BOUNCED, State.COMPLAINED}


def arguments(parser: ArgumentParser) -> None:
    """The options."""
    add = parser.add_argument
    add("--from", dest="sender", required=True, metavar="ADDR", help="an address that the application may send as")
    for kind in ("to", "cc", "bcc"):
        add(f"--{kind}", action="append", required=kind == "to", metavar="ADDR", help="may be given several times")
    add("--subject", required=True)
    body = parser.add_mutually_exclusive_group()
    body.add_argument("--text", help="the text; default: read from standard input")
    body.add_argument("--html", help="the HTML")
    add("--stream", help="the stream that the email belongs to, which is the scope of an unsubscribe")
    add("--actor", metavar="ID", help="on whose behalf it is sent: an id or an address, to find it by")
    add("--reference", metavar="ID", help="what it is about, to find it by")
    add("--supersedes", metavar="KEY", help="cancel the application's older emails with this key that have not left")
    add("--idempotency-key", metavar="KEY", help="a second email with the same key is not sent; default: a new key")
    add("--follow", action="store_true", help="show each event until the outcome of the email is known")
    add("--url", help="the URL of the gateway; default: POSTERN_URL, else that of `postern up`")
    add("--key", help="the API key; default: POSTERN_API_KEY, else that of `postern up`")
    add_data_option(parser)


def run(given: Namespace, terminal: Terminal) -> bool:
    """Send and show the id; with `--follow`, True when the email was delivered to every recipient."""
    email = email_of(given)
    api = api_of(given)
    taken = api.send(email, idempotency_key=given.idempotency_key or str(uuid4()))
    terminal.say(f"accepted as {taken['id']}")
    for older in taken.get("superseded", ()):
        terminal.say(f"{older} is superseded: it is not sent any more")
    for one in taken.get("suppressed", ()):
        terminal.say(escape(f"{one['email']} is suppressed ({one['origin']}): the email is not sent there"))
    if not given.follow:
        terminal.answer(taken)
        return True
    found = follow(api, taken["id"], terminal)
    terminal.answer(taken | {"recipients": found["recipients"], "events": api.timeline(taken["id"])})
    return all(one["state"] == State.DELIVERED for one in found["recipients"])


def email_of(given: Namespace) -> Json:
    """The body of the request. Raises `UsageMistake` when there is nothing to send."""
    email = {"from": given.sender, "to": given.to, "cc": given.cc, "bcc": given.bcc, "subject": given.subject}
    email |= {name: getattr(given, name) for name in ("text", "html", "stream", "actor", "reference", "supersedes")}
    if given.text is None and given.html is None:
        if sys.stdin.isatty():
            raise UsageMistake("the email needs a body: pass --text or --html, or pipe the text in")
        email["text"] = sys.stdin.read()
    return {name: value for name, value in email.items() if value is not None}


def follow(api: Api, email_id: str, terminal: Terminal) -> Json:
    """Show the timeline as it grows until the outcome for every recipient is known. Returns the email as it is then."""
    printed: set[str] = set()
    while True:
        found = api.email(email_id)
        for event in api.timeline(email_id):
            mark = f"{event['at']} {event['type']} {event['recipient']} {event['detail']}"
            if mark not in printed:
                printed.add(mark)
                terminal.say(line_of(event))
        if all(one["state"] in SETTLED for one in found["recipients"]):
            return found
        time.sleep(LOOK_EVERY_S)


def line_of(event: Json) -> str:
    """One entry of a timeline."""
    clock = str(event["at"])[11:23]
    effect = f" [dim]{escape(event['effect'])}[/]" if event["effect"] else ""
    return f"  {clock}  [bold]{event['type']:<10}[/] {escape(event['recipient'])}: {escape(event['detail'])}{effect}"


def api_of(given: Namespace) -> Api:
    """The gateway that the options name, else the one that the environment names, else the one that `up` runs."""
    client = of_the_client()
    url, key = given.url or client.get("url"), given.key or client.get("api_key")
    if given.data is not None or not (url and key):
        ready = _ready(given.data or DEFAULT_DATA)
        url, key = given.url or ready["url"], given.key or ready["api_key"]
    return Api(url, key)


def _ready(data: Path) -> dict[str, str]:
    try:
        ready: dict[str, str] = json.loads(DataDir(data).ready.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CommandFailed(f"no gateway is running in {data}: run `./postern up`, or pass --url and --key") from error
    return ready


COMMAND = Command(
    words=("send",),
    summary="send one email through a running gateway",
    example="echo 'Do come.' | ./postern send --from invitations@example.com --to ann@example.net "
    "--subject 'You are invited' --follow",
    arguments=arguments,
    run=run,
)
