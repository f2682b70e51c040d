"""The main job as a story: invitations go out, feedback comes back, two people are suppressed, one is let in again.

It plays on a gateway that is up, through its public HTTP API, and asks the simulator only how mailboxes are to act and,
at the end, what really left. It decides the order of events and what is counted.
"""

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from app.cli.api import Api, Json
from app.cli.command import CommandFailed
from app.cli.reckoning import reckon
from app.cli.send import line_of
from app.cli.simulated import Simulated
from app.cli.start import Ready
from app.cli.terminal import Terminal
from app.domain.delivery import State
from app.store.ids import new_id

INVITATIONS = Path(__file__).with_name("invitations.csv")
GONE = "kim.gone@example.com"
REASON = "Kim called: the mailbox is back."
PATIENCE_S = 60.0
LOOK_EVERY_S = 0.1

# What the mailboxes of the file do to the state of a mail. An automatic reply is no bounce, a full mailbox is.
EXPECTED = {
    "success": State.DELIVERED,
    "ooto": State.DELIVERED,
    "softbounce": State.BOUNCED,
    "bounce": State.BOUNCED,
    "complaint": State.COMPLAINED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """One line of the file; `mailbox` is how the simulator is to act for it."""

    name: str
    email: str
    mailbox: str


class Story:
    """One playing of the story; `tend` is called while it waits."""

    def __init__(self, ready: Ready, terminal: Terminal, *, tend: Callable[[], None]) -> None:
        self._api = Api(ready.url, ready.api_key)
        self._simulated = Simulated(ready.simulator_url)
        self._sender = f"Summer Party <{ready.sender}>"
        self._terminal = terminal
        self._tend = tend
        self._run = str(new_id())
        self._chapter = 0

    def play(self, guests: Sequence[Guest]) -> dict[str, int | bool]:
        """Tell the story and return what there was to count. Raises `CommandFailed` where it goes wrong."""
        begun_at = self._simulated.ledger_end()
        self._simulated.tell({guest.email: guest.mailbox for guest in guests})
        first = self._invite(guests)
        settled = self._await_feedback(guests, first)
        suppressed = self._show_suppressed(guests)
        refused = self._try_again(guests, suppressed)
        again = self._let_in_again(guests)
        self._tell_timeline(first[GONE])
        states = [recipient["state"] for mail in settled for recipient in mail["recipients"]]
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
        self._terminal.say(f"  {len(ids)} mails accepted: each is in the database before the answer.")
        return ids

    def _await_feedback(self, guests: Sequence[Guest], ids: dict[str, str]) -> list[Json]:
        self._head("SES's signed events come back through SNS", "POST /feedback/sns")
        expected = {ids[guest.email]: EXPECTED[guest.mailbox] for guest in guests}
        with self._terminal.waiting("  waiting for the feedback"):
            mails = self._until(expected)
        self._terminal.table(("recipient", "state", "reason"), _rows(mails), indent=1)
        return mails

    def _show_suppressed(self, guests: Sequence[Guest]) -> list[str]:
        self._head("Who bounced for good or complained is suppressed", "GET /v1/suppressions")
        invited = {guest.email for guest in guests}
        entries = [entry for entry in self._api.suppressions() if entry["email"] in invited]
        rows = [(entry["email"], entry["origin"], entry["reason"]) for entry in entries]
        self._terminal.table(("address", "origin", "reason"), rows, indent=1)
        return [entry["email"] for entry in entries]

    def _try_again(self, guests: Sequence[Guest], suppressed: Sequence[str]) -> int:
        self._head("They are invited once more, and refused", 'the answer names them under "suppressed"')
        answers = [self._send(guest, "second") for guest in guests if guest.email in suppressed]
        named = [one["email"] for answer in answers for one in answer.get("suppressed", ())]
        mails = self._until({answer["id"]: State.SUPPRESSED for answer in answers})
        self._terminal.table(("recipient", "state", "reason"), _rows(mails), indent=1)
        return len(named)

    def _let_in_again(self, guests: Sequence[Guest]) -> int:
        self._head("Kim's mailbox is back: unsuppressed, with a reason", f"DELETE /v1/suppressions/{GONE}")
        self._simulated.tell({GONE: "success"})
        self._api.unsuppress(GONE, reason=REASON)
        self._terminal.say(f"  {GONE}: {escape(REASON)}")
        kim = next(guest for guest in guests if guest.email == GONE)
        sent = self._send(kim, "third")
        with self._terminal.waiting("  waiting for the feedback"):
            self._until({sent["id"]: State.DELIVERED})
        self._terminal.say("  The invitation was sent again, and delivered.")
        return 1

    def _tell_timeline(self, email_id: str) -> None:
        self._head("What became of Kim's first invitation", f"GET /v1/emails/{email_id}/events")
        for event in self._api.timeline(email_id):
            self._terminal.say(line_of(event))

    def _settle_accounts(self, begun_at: int) -> bool:
        self._head("SES's ledger against the database", "nothing lost, nothing twice, nothing to the suppressed")
        mails = list(self._api.emails(tag=f"demo:{self._run}"))
        entries = self._simulated.ledger(since=begun_at)
        reckoning = reckon(entries, mails)
        verdict = "they agree" if reckoning.agrees else f"they differ: {reckoning}"
        self._terminal.say(escape(f"  {len(entries)} calls on the ledger, {len(mails)} mails on record: {verdict}."))
        return reckoning.agrees

    def _send(self, guest: Guest, which: str) -> Json:
        mail = {
            "from": self._sender,
            "to": [f"{guest.name} <{guest.email}>"],
            "subject": f"{guest.name}, you are invited",
            "text": f"Dear {guest.name},\n\nthe summer party is on Friday at six. Do come.\n",
            "stream": "invitations",
            "tags": [{"name": "demo", "value": self._run}],
        }
        return self._api.send(mail, idempotency_key=f"{self._run}:{which}:{guest.email}")

    def _until(self, expected: dict[str, State]) -> list[Json]:
        """The mails once each is in its state."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            mails = [mail for mail in self._api.emails(tag=f"demo:{self._run}") if mail["id"] in expected]
            late = [one for mail in mails for one in mail["recipients"] if one["state"] != expected[mail["id"]]]
            if not late and len(mails) == len(expected):
                return mails
            if time.monotonic() > deadline:
                states = ", ".join(sorted(one["state"] for one in late))
                raise CommandFailed(f"{len(late)} mails are late ({states}): run it with --data DIR and see DIR/logs")
            self._tend()
            time.sleep(LOOK_EVERY_S)

    def _head(self, what: str, how: str) -> None:
        self._chapter += 1
        self._terminal.say(f"\n[bold]{self._chapter}  {escape(what)}[/]  [dim]{escape(how)}[/]")


def _rows(mails: Sequence[Json]) -> list[tuple[str, str, str | None]]:
    """Each recipient with its state and the reason for it, by address."""
    rows = [(one["email"], one["state"], one["reason"]) for mail in mails for one in mail["recipients"]]
    return sorted(rows, key=lambda row: row[0])


def read_guests(file: Path = INVITATIONS) -> list[Guest]:
    """The guests of a CSV file with the columns `name`, `email`, `mailbox`."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [Guest(**line) for line in csv.DictReader(lines)]
