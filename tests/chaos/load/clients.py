"""The clients of a drill: applications that offer emails at a steady rate, and an operator.

An application repeats a request under its idempotency key until it gets a 2xx, as it should. Where it hung up it does
the same, and from then on waits for an answer. Each email is in the journal before it is on the wire. A recipient that
the door refused as suppressed is offered no more. The load is open: an unanswered request delays no other.
"""

import heapq
import random
import threading
import time
from collections.abc import Mapping
from functools import partial
from itertools import count
from urllib.parse import quote

from tests.chaos.load.doors import THREADS, Answer, Api, Door
from tests.chaos.load.emails import LISTED, DoorName, Email, emails
from tests.chaos.load.journal import Journal

OPERATES_EVERY_S = 0.7


class Applications:
    """Offers the emails of a seed at a rate, until `offer_no_more`."""

    def __init__(
        self, doors: Mapping[DoorName, Door], journal: Journal, *, seed: int, rate: float, padding: int = 0
    ) -> None:
        self._doors = doors
        self._journal = journal
        self._emails = emails(seed, padding=padding)
        self._rate = rate
        self._waiting: list[tuple[float, int, Email]] = []
        self._numbers = count()
        self._change = threading.Condition()
        self._offering = True
        self._over = False
        self._busy = 0
        self.offered = 0
        self.accepted = 0
        self._threads = [threading.Thread(target=self._offer, name="offer", daemon=True)]
        self._threads += [threading.Thread(target=self._work, name="client", daemon=True) for _ in range(THREADS)]

    def start(self) -> None:
        """Begin to offer emails."""
        for thread in self._threads:
            thread.start()

    def offer_no_more(self) -> None:
        """Offer nothing new; unanswered requests are still repeated."""
        self._offering = False

    @property
    def unanswered(self) -> int:
        """How many offered emails have no answer yet."""
        with self._change:
            return len(self._waiting) + self._busy

    def stop(self) -> None:
        """Stop, and abandon unanswered requests."""
        with self._change:
            self._over = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def _offer(self) -> None:
        began = time.monotonic()
        for email in self._emails:
            due = began + self.offered / self._rate
            time.sleep(max(0.0, due - time.monotonic()))
            if not self._offering or self._over:
                return
            self.offered += 1
            self._journal.write("offer", key=email.key, door=email.door, body=email.body)
            self._put(0.0, email)

    def _put(self, wait_s: float, email: Email) -> None:
        with self._change:
            heapq.heappush(self._waiting, (time.monotonic() + wait_s, next(self._numbers), email))
            self._change.notify()

    def _take(self) -> Email | None:
        with self._change:
            while not self._over:
                wait = self._waiting[0][0] - time.monotonic() if self._waiting else 1.0
                if wait <= 0:
                    self._busy += 1
                    return heapq.heappop(self._waiting)[2]
                self._change.wait(wait)
        return None

    def _work(self) -> None:
        while (email := self._take()) is not None:
            answer = self._doors[email.door].offer(email)
            again = self._note(email.without(answer.withheld), answer)
            if again is not None:
                self._put(random.uniform(0.2, 1.0), again)
            with self._change:
                self._busy -= 1

    def _note(self, email: Email, answer: Answer) -> Email | None:
        """Write the answer to the journal; the email if it has to be offered again."""
        note = partial(self._journal.write, key=email.key, withheld=sorted(email.withheld))
        if not email.recipients:
            note("withheld")
        elif 200 <= answer.status < 300:
            note("accepted", id=answer.content["id"], known=answer.is_known)
            self.accepted += 1
        elif 400 <= answer.status < 500 and answer.status not in (409, 429):
            note("refused", status=answer.status, answer=answer.content)
        elif answer.is_sent and email.hangs_up_after_s is not None:
            note("hung_up")
            return email.with_patience()
        else:
            note("put_off", status=answer.status, sent=answer.is_sent)
            return email
        return None


class Operator:
    """Suppresses addresses, unsuppresses others and cancels scheduled emails, one after another."""

    def __init__(self, api: Api, applications: Api, journal: Journal, *, seed: int) -> None:
        self._api = api
        self._applications = applications
        self._journal = journal
        self._dice = random.Random(f"operator {seed}")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._operate, name="operator", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the current request."""
        self._over.set()
        self._thread.join()

    def _operate(self) -> None:
        deeds = (self._suppress, self._unsuppress, self._unsuppress, self._cancel)
        while not self._over.wait(OPERATES_EVERY_S):
            self._dice.choice(deeds)()

    def _suppress(self) -> None:
        address = self._dice.choice(LISTED)
        self._journal.write("suppress", address=address)
        answer = self._api.call("POST", "/v1/suppressions", {"email": address, "reason": "a drill"})
        self._journal.write("suppressed", address=address, status=answer.status)

    def _unsuppress(self) -> None:
        listed = self._api.call("GET", "/v1/suppressions?limit=100")
        if listed.status != 200 or not listed.content["data"]:
            return
        address = self._dice.choice(listed.content["data"])["email"]
        self._journal.write("unsuppress", address=address)
        answer = self._api.call("DELETE", f"/v1/suppressions/{quote(address)}", {"reason": "a drill", "force": True})
        self._journal.write("unsuppressed", address=address, status=answer.status)

    def _cancel(self) -> None:
        listed = self._applications.call("GET", "/v1/emails?limit=50")
        if listed.status != 200:
            return
        later = [email["id"] for email in listed.content["data"] if email["last_event"] == "scheduled"]
        if later:
            email_id = self._dice.choice(later)
            answer = self._applications.call("POST", f"/v1/emails/{email_id}/cancel")
            self._journal.write("cancel", id=email_id, status=answer.status)
