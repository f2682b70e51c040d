"""The main job as a story: invitations are sent, events come back, two addresses are suppressed, one is unsuppressed.

The story runs on a running gateway, through its public HTTP API. It uses the simulator only to set how mailboxes
behave, and at the end to read what was really sent.
"""

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from rich.markup import escape

from app.cli.local.bootstrap import GONE, Ready
from app.cli.local.ledger_check import reckon
from app.cli.local.simulator_client import Simulated
from app.cli.shell.api_client import Api, Json
from app.cli.shell.command import CommandFailed
from app.cli.shell.terminal import Terminal
from app.cli.submission.send import line_of
from app.domain.sending.state_machine import State

INVITATIONS = Path(__file__).with_name("invitations.csv")
REASON = "Kim called: the mailbox is back."
PATIENCE_S = 60.0
LOOK_EVERY_S = 0.1

# The state of an email by the behaviour of its mailbox. An automatic reply is no bounce, a full mailbox is.
EXPECTED = {
    "success": State.DELIVERED,
    "ooto": State.DELIVERED,
    "softbounce": State.BOUNCED,
    "bounce": State.BOUNCED,
    "complaint": State.COMPLAINED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """One line of the file. `mailbox` is how the simulator's mailbox behaves."""

    name: str
    email: str
    mailbox: str


class Story:
    """One run of the story. `tend` is called while it waits."""

    def __init__(self, ready: Ready, terminal: Terminal, *, tend: Callable[[], None]) -> None:
        self._api = Api(ready.url, ready.api_key)
        self._simulated = Simulated(ready.simulator_url)
        self._sender = f"Summer Party <{ready.sender}>"
        self._terminal = terminal
        self._tend = tend
        self._run = str(uuid4())
        self._chapter = 0

    def play(self, guests: Sequence[Guest]) -> dict[str, int | bool]:
        """Play the story and return its counts. Raises `CommandFailed` when a step fails."""
        begun_at = self._simulated.ledger_end()
        self._simulated.show({guest.email: guest.mailbox for guest in guests})
        first = self._invite(guests)
        settled = self._await_feedback(guests, first)
        suppressed = self._show_suppressed(guests)
        refused = self._try_again(guests, suppressed)
        again = self._let_in_again(guests)
        self._show_timeline(first[GONE])
        states = [recipient["state"] for email in settled for recipient in email["recipients"]]
        return {
            "accepted": len(first),
            "delivered": states.count(State.DELIVERED),
            "bounced": states.count(State.BOUNCED),
            "complained": states.count(State.COMPLAINED),
            "suppressed": len(suppressed),
            "refused": refused,
            "unsuppressed": 1,
            "sent_again": again,
            "ledger_agrees": self._settle_accounts(begun_at),
        }

    def _invite(self, guests: Sequence[Guest]) -> dict[str, str]:
        self._head(f"{len(guests)} people are invited", "POST /v1/emails, each with an Idempotency-Key")
        ids = {guest.email: self._send(guest, "first")["id"] for guest in guests}
        self._terminal.say(f"  {len(ids)} emails accepted: each was in the database before the response.")
        return ids

    def _await_feedback(self, guests: Sequence[Guest], ids: dict[str, str]) -> list[Json]:
        self._head("SES's signed events come back through SNS", "POST /feedback/sns")
        expected = {ids[guest.email]: EXPECTED[guest.mailbox] for guest in guests}
        with self._terminal.waiting("  waiting for the events"):
            emails = self._until(expected)
        self._terminal.table(("recipient", "state", "reason"), _rows(emails), indent=1)
        return emails

    def _show_suppressed(self, guests: Sequence[Guest]) -> list[str]:
        self._head("A hard bounce and a complaint suppress their addresses", "GET /v1/suppressions")
        invited = {guest.email for guest in guests}
        entries = [entry for entry in self._api.suppressions() if entry["email"] in invited]
        rows = [(entry["email"], entry["origin"], entry["reason"]) for entry in entries]
        self._terminal.table(("address", "origin", "reason"), rows, indent=1)
        return [entry["email"] for entry in entries]

    def _try_again(self, guests: Sequence[Guest], suppressed: Sequence[str]) -> int:
        self._head("A second invitation to them is not sent", 'the response names them under "suppressed"')
        answers = [self._send(guest, "second") for guest in guests if guest.email in suppressed]
        named = [one["email"] for answer in answers for one in answer.get("suppressed", ())]
        emails = self._until({answer["id"]: State.SUPPRESSED for answer in answers})
        self._terminal.table(("recipient", "state", "reason"), _rows(emails), indent=1)
        return len(named)

    def _let_in_again(self, guests: Sequence[Guest]) -> int:
        self._head("Kim's mailbox is back: unsuppress it, with a reason", f"DELETE /v1/suppressions/{GONE}")
        self._simulated.show({GONE: "success"})
        self._api.unsuppress(GONE, reason=REASON)
        self._terminal.say(f"  {GONE}: {escape(REASON)}")
        with self._terminal.waiting("  waiting until the address has left SES's own list"):
            self._until_ses_lets_go()
        kim = next(guest for guest in guests if guest.email == GONE)
        sent = self._send(kim, "third")
        with self._terminal.waiting("  waiting for the events"):
            self._until({sent["id"]: State.DELIVERED})
        self._terminal.say("  The invitation was sent again, and delivered.")
        return 1

    def _show_timeline(self, email_id: str) -> None:
        self._head("The timeline of Kim's first invitation", f"GET /v1/emails/{email_id}/events")
        for event in self._api.timeline(email_id):
            self._terminal.say(line_of(event))

    def _settle_accounts(self, begun_at: int) -> bool:
        self._head("SES's ledger against the database", "nothing lost, sent twice or sent to a suppressed address")
        emails = list(self._api.emails(tag=f"demo:{self._run}"))
        entries = self._simulated.ledger(since=begun_at)
        reckoning = reckon(entries, emails)
        verdict = "they agree" if reckoning.agrees else f"they differ: {reckoning}"
        self._terminal.say(
            escape(f"  {len(entries)} calls in the ledger, {len(emails)} emails in the database: {verdict}.")
        )
        return reckoning.agrees

    def _send(self, guest: Guest, which: str) -> Json:
        email = {
            "from": self._sender,
            "to": [f"{guest.name} <{guest.email}>"],
            "subject": f"{guest.name}, you are invited",
            "text": f"Dear {guest.name},\n\nthe summer party is on Friday at six. Do come.\n",
            "stream": "invitations",
            "tags": [{"name": "demo", "value": self._run}],
        }
        return self._api.send(email, idempotency_key=f"{self._run}:{which}:{guest.email}")

    def _until(self, expected: dict[str, State]) -> list[Json]:
        """Wait until each email is in its expected state, and return the emails."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            emails = [email for email in self._api.emails(tag=f"demo:{self._run}") if email["id"] in expected]
            late = [one for email in emails for one in email["recipients"] if one["state"] != expected[email["id"]]]
            if not late and len(emails) == len(expected):
                return emails
            if time.monotonic() > deadline:
                states = ", ".join(sorted(one["state"] for one in late))
                raise CommandFailed(f"{len(late)} emails are late ({states}): run it with --data DIR and see DIR/logs")
            self._tend()
            time.sleep(LOOK_EVERY_S)

    def _until_ses_lets_go(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while GONE in self._simulated.suppressed():
            if time.monotonic() > deadline:
                raise CommandFailed("SES still suppresses the address: run it with --data DIR and see DIR/logs")
            self._tend()
            time.sleep(LOOK_EVERY_S)

    def _head(self, what: str, how: str) -> None:
        self._chapter += 1
        self._terminal.say(f"\n[bold]{self._chapter}  {escape(what)}[/]  [dim]{escape(how)}[/]")


def _rows(emails: Sequence[Json]) -> list[tuple[str, str, str | None]]:
    """Each recipient with its state and the reason, sorted by address."""
    rows = [(one["email"], one["state"], one["reason"]) for email in emails for one in email["recipients"]]
    return sorted(rows, key=lambda row: row[0])


def read_guests(file: Path = INVITATIONS) -> list[Guest]:
    """The guests of a CSV file with the columns `name`, `email`, `mailbox`."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [Guest(**line) for line in csv.DictReader(lines)]
