"""The race of promise 3: complaints are settled while workers send, and no call begins after a known complaint.

The order is the database's own: right before a worker takes its last look, the test reads the suppression list itself.
An entry that it sees was committed before the look began, whatever any clock says, so that address must not be called.
"""

import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from app.domain.sending.call_outcome import Envelope, Outcome
from app.queue import Lane
from app.services.sending.call_results import FoundSuppressed, NotCalled
from app.services.sending.last_look import LastLook, Refusal
from app.store.engine.database import Database
from app.store.feedback.notifications import InboxState
from app.store.sending.claims import OpenAttempt
from app.store.tables.core import suppressions
from app.wiring.gateway import Gateway, build
from tests.support.aws.notifications import complained, put
from tests.support.gateway.early_mailers import ScriptedEarlyMailer
from tests.support.gateway.emails import submission
from tests.support.gateway.gateways import ScriptedMailer, caller, replace_call_parts, settings_for
from tests.support.gateway.rows import change, rows

WORKERS, THREADS, SETTLERS = 2, 6, 2
BATCH, TOGETHER = 100, 5


@dataclass
class Witness:
    """Records the addresses that are on the list right before a worker takes its last look."""

    database: Database
    seen: set[str] = field(default_factory=set)

    def look(self, key: str) -> None:
        with self.database.reading() as connection:
            if connection.execute(select(suppressions.c.id).where(suppressions.c.key == key)).first() is not None:
                self.seen.add(key)


class WitnessedLook(LastLook):
    """The last look of a worker, which the witness precedes."""

    def __init__(self, database: Database, witness: Witness) -> None:
        super().__init__(database)
        self.witness = witness

    def __call__(self, attempt: OpenAttempt) -> NotCalled | FoundSuppressed | None:
        self.witness.look(attempt.recipient.key)
        return super().__call__(attempt)

    def together(self, emails: Sequence[OpenAttempt]) -> Sequence[Refusal | None]:
        for attempt in emails:
            self.witness.look(attempt.recipient.key)
        return super().together(emails)


@dataclass
class Ses(ScriptedMailer):
    """SES, which takes some milliseconds. `called` is set at the next call."""

    called: threading.Event = field(default_factory=threading.Event)

    def send(self, envelope: Envelope) -> Outcome:
        self.called.set()
        time.sleep(random.random() / 250)
        return super().send(envelope)


class EarlySes(Ses, ScriptedEarlyMailer):
    """The same SES, for calls that do not wait for each other."""


@contextmanager
def workers(url: str, redis_url: str, mailer: Ses, directory: Path) -> Iterator[tuple[list[Gateway], Witness]]:
    """Gateways as of several worker processes on one database, and the witness that precedes each of their looks."""
    with ExitStack() as open_ones:
        made = []
        for number in range(WORKERS):
            settings = settings_for(url, redis_url, ses_threads=THREADS, flight_dir=directory / str(number))
            made.append(build(settings, mailer=mailer))
            open_ones.callback(made[-1].close)
        witness = Witness(made[0].database)
        for gateway in made:
            replace_call_parts(gateway, last_look=WitnessedLook(gateway.database, witness))
        yield made, witness


def complain(gateway: Gateway, addresses: list[str], begun: threading.Event) -> None:
    """Complaints about earlier emails come in and are settled, at some random moment after `begun`."""
    assert begun.wait(120)
    time.sleep(random.random() / 50)
    put(gateway, *(json.dumps(complained(address, message=f"earlier-{address}")) for address in addresses))
    gateway.settle.batch()


def send_all(gateway: Gateway, ends: threading.Event) -> None:
    while not ends.is_set():
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        time.sleep(0.002)


def settle_all(gateway: Gateway, addresses: list[str]) -> None:
    """Settle what a batch has left: it ends after a second, in which a busy machine settles a few complaints."""
    for _ in addresses:
        if set(addresses) <= {row["key"] for row in rows(gateway, "suppressions")}:
            break
        gateway.settle.batch()


def race(gateways: list[Gateway], ses: Ses, addresses: list[str]) -> None:
    """Batch by batch, emails are accepted and sent while all addresses complain, in another order than they are sent.

    In every second batch the complaints wait for the first call, so that the workers win some of the races, on a slow
    machine too.
    """
    who, ends = caller(gateways[0]), threading.Event()
    with ThreadPoolExecutor(WORKERS + SETTLERS) as crew:
        senders = [crew.submit(send_all, gateway, ends) for gateway in gateways]
        try:
            for start in range(0, len(addresses), BATCH):
                batch = addresses[start : start + BATCH]
                ses.called.clear()
                if start // BATCH % 2:
                    ses.called.set()
                gateways[0].accept(who, [submission(one) for one in batch], idempotency=None, answer=lambda _: {})
                order = random.sample(batch, len(batch))
                complaints = [
                    crew.submit(complain, gateways[at % WORKERS], order[at : at + TOGETHER], ses.called)
                    for at in range(0, len(order), TOGETHER)
                ]
                for each in complaints:
                    each.result()
                settle_all(gateways[0], batch)
                # These events wait for emails that are not known here; the test needs no more of them.
                change(gateways[0], "notifications", {"state": InboxState.PROCESSED})
        finally:
            ends.set()
        for each in senders:
            each.result()


def address_of(number: int) -> str:
    return f"r{number:04}@example.net"


def run(
    url: str, redis_url: str, directory: Path, *, emails: int, ses: Ses | None = None
) -> tuple[set[str], set[str], set[str]]:
    """The addresses that were called, that the witness saw on the list, and that were claimed before the complaint."""
    mailer = ses or Ses()
    addresses = [address_of(number) for number in range(emails)]
    with workers(url, redis_url, mailer, directory) as (gateways, witness):
        race(gateways, mailer, addresses)
        assert {row["key"] for row in rows(gateways[0], "suppressions")} == set(addresses)
        assert not rows(gateways[0], "recipients", state="sending")
        keys = {row["id"]: row["key"] for row in rows(gateways[0], "recipients")}
        claimed = {keys[row["recipient_id"]] for row in rows(gateways[0], "attempts")}
    return {one.recipient for one in mailer.sent}, witness.seen, claimed


def test_no_call_begins_after_a_complaint_on_postgresql(
    migrated_postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    """A thousand complaints, each at some moment between accept and send: no address on the list is called."""
    reached, seen, claimed = run(migrated_postgres_url, redis_url, tmp_path, emails=1000)
    everybody = {address_of(number) for number in range(1000)}
    assert reached & seen == set()
    raced = {"reached": reached, "caught by the look": seen & claimed, "caught by the claim": everybody - claimed}
    assert all(raced.values()), raced


def test_no_early_call_begins_after_a_complaint(migrated_postgres_url: str, redis_url: str, tmp_path: Path) -> None:
    """Some hundred complaints, where some calls share a look and none waits for another."""
    reached, seen, _ = run(migrated_postgres_url, redis_url, tmp_path, emails=400, ses=EarlySes())
    assert reached & seen == set()
    assert 0 < len(reached) < 400


def test_no_call_begins_after_a_complaint_on_sqlite(migrated_sqlite_url: str, redis_url: str, tmp_path: Path) -> None:
    """Two hundred complaints, where one writer waits for the other."""
    reached, seen, _ = run(migrated_sqlite_url, redis_url, tmp_path, emails=200)
    assert reached & seen == set()
    assert 0 < len(reached) < 200
