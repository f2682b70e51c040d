"""Redis wiped, poisoned, forged or dead at every step: it changes how fast the gate answers, never who is sent to."""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Connection

from app.domain.delivery import State
from app.domain.errors import ServiceUnavailable
from app.domain.outcome import Envelope, Outcome
from app.queue import Lane
from app.services.gate import Addressee, Gate
from app.store.db import Database
from app.store.positives import BUCKETS, WARM
from app.store.suppressions import Suppression
from app.wiring import Gateway, build
from tests.feedback import Event, bounced, complained, fresh_address, put
from tests.gateways import ScriptedMailer, caller, settings_for
from tests.mails import state_of, submission, submit
from tests.rows import outcomes, recipient_of

NOWHERE = "redis://127.0.0.1:1/0"


@dataclass
class MeddlingMailer(ScriptedMailer):
    """SES, while something happens before each of its answers."""

    before: Callable[[], None] = lambda: None

    def send(self, envelope: Envelope) -> Outcome:
        answer = super().send(envelope)
        self.before()
        return answer


@pytest.fixture
def mailer() -> MeddlingMailer:
    return MeddlingMailer()


@dataclass(frozen=True)
class Harm:
    """What somebody does to Redis at one moment: forget positives, add some of nobody, lose or forge the marker."""

    wipe: bool
    forget: float
    foreign: int
    marker: str
    seed: int

    def do(self, redis: Redis) -> None:
        chance = random.Random(self.seed)
        if self.wipe:
            redis.flushall()
        for bucket in redis.scan_iter("postern:positives:????"):
            if chance.random() < self.forget:
                redis.delete(bucket)
        for _ in range(self.foreign):
            bucket = f"postern:positives:{chance.randrange(BUCKETS):04x}"
            redis.sadd(bucket, chance.randrange(-(2**63), 2**63))
        if self.marker == "lost":
            redis.delete(WARM)
        elif self.marker == "forged":
            redis.set(WARM, "0123456789abcdef")


harms = st.builds(
    Harm,
    wipe=st.booleans(),
    forget=st.sampled_from([0.0, 0.5, 1.0]),
    foreign=st.integers(0, 20),
    marker=st.sampled_from(["kept", "lost", "forged"]),
    seed=st.integers(0, 2**16),
)
readers = st.frozensets(st.integers(0, 9))


def whom_mail_reaches(
    gateway: Gateway,
    mailer: ScriptedMailer,
    early: Sequence[str],
    late: Sequence[str],
    names: list[str],
    step: Callable[[], None],
) -> set[str]:
    """Who of `names` gets a mail when some are suppressed before accept and some before the claim."""
    who = caller(gateway)
    for name in early:
        gateway.suppress.add(who, name)
    step()
    gateway.accept(who, [submission(name) for name in names], idempotency=None, answer=lambda _: {})
    for name in late:
        gateway.suppress.add(who, name)
    step()
    mailer.sent.clear()
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    return {one.recipient for one in mailer.sent}


@given(early=readers, late=readers, harm=harms, warm=st.booleans())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_harm_to_redis_changes_who_is_sent_to(
    gateway: Gateway,
    mailer: MeddlingMailer,
    early: frozenset[int],
    late: frozenset[int],
    harm: Harm,
    warm: bool,
) -> None:
    """Harmed before accept, before the claim and between the calls: exactly those are reached whom SQL lets through."""
    names = [fresh_address() for _ in range(10)]
    if warm:
        gateway.upkeep.warm_positives()

    def meddle() -> None:
        harm.do(gateway.redis)

    mailer.before = meddle
    reached = whom_mail_reaches(
        gateway, mailer, [names[one] for one in sorted(early)], [names[one] for one in sorted(late)], names, meddle
    )
    assert reached == {name for number, name in enumerate(names) if number not in early | late}


@pytest.fixture
def without_redis(migrated_url: str, mailer: ScriptedMailer) -> Iterator[Gateway]:
    built = build(settings_for(migrated_url, NOWHERE), mailer=mailer)
    yield built
    built.close()


def test_without_redis_the_same_are_reached(without_redis: Gateway, mailer: ScriptedMailer) -> None:
    """A gateway that never had a Redis asks SQL each time, and names at accept who is suppressed."""
    names = [f"r{number}@example.net" for number in range(6)]
    reached = whom_mail_reaches(without_redis, mailer, names[:2], names[2:4], names, lambda: None)
    assert reached == set(names[4:])


def one_thread(url: str, redis_url: str, mailer: ScriptedMailer) -> Gateway:
    """A gateway that calls SES for one mail after the other."""
    return build(settings_for(url, redis_url, ses_threads=1), mailer=mailer)


@pytest.mark.parametrize("redis_is", ["warm", "cold", "flushed after it", "dead"])
def test_what_is_suppressed_after_the_claim_is_caught_by_the_last_look(
    migrated_url: str, redis_url: str, redis_is: str
) -> None:
    """Two mails are claimed at once; while SES has the first, the address of the second is suppressed: not called."""
    mailer = MeddlingMailer()
    gateway = one_thread(migrated_url, NOWHERE if redis_is == "dead" else redis_url, mailer)
    who = caller(gateway)
    if redis_is in {"warm", "flushed after it"}:
        gateway.upkeep.warm_positives()
    submit(gateway, who, "first@example.net")
    second = submit(gateway, who, "second@example.net")

    def suppress() -> None:
        gateway.suppress.add(who, "second@example.net")
        if redis_is == "flushed after it":
            gateway.redis.flushall()

    mailer.before = suppress
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["first@example.net"]
    assert state_of(gateway, second) is State.SUPPRESSED
    assert recipient_of(gateway, second).reason == "The address is on the suppression list (manual)."
    assert outcomes(gateway, second) == ["not_sent"]
    gateway.close()


@pytest.mark.parametrize("news", [bounced, complained], ids=["bounce", "complaint"])
def test_news_that_comes_after_the_claim_is_caught_by_the_last_look(
    migrated_url: str, redis_url: str, news: Callable[..., Event]
) -> None:
    """While SES has the first of two claimed mails, the address of the second bounces or complains: not called."""
    mailer = MeddlingMailer()
    gateway = one_thread(migrated_url, redis_url, mailer)
    gateway.upkeep.warm_positives()
    who = caller(gateway)
    submit(gateway, who, "first@example.net")
    second = submit(gateway, who, "second@example.net")

    def settle() -> None:
        put(gateway, json.dumps(news("second@example.net", message="an-earlier-one")))
        gateway.settle.drain()

    mailer.before = settle
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["first@example.net"]
    assert state_of(gateway, second) is State.SUPPRESSED
    gateway.close()


class WatchedGate(Gate):
    """The gate, and when each address was last looked for."""

    looks: dict[str, float]

    def suppressed(self, addressees: Sequence[Addressee]) -> dict[Addressee, Suppression]:
        began = time.monotonic()
        found = super().suppressed(addressees)
        self.looks |= {one.key: began for one in addressees}
        return found


def test_no_call_starts_once_a_suppression_is_committed(migrated_postgres_url: str, redis_url: str) -> None:
    """Eighty suppressions race as many calls: whoever was reached was looked for before the commit."""
    mailer = MeddlingMailer(before=lambda: time.sleep(random.Random(0).random() / 100))
    gateway = build(settings_for(migrated_postgres_url, redis_url, ses_threads=8), mailer=mailer)
    gate = WatchedGate(database=gateway.database, positives=gateway.positives, pseudonyms=gateway.accept._pseudonyms)
    gate.looks = {}
    gateway.deliver._parts.call._gate = gate
    gateway.upkeep.warm_positives()
    who = caller(gateway)
    names = [f"r{number:02}@example.net" for number in range(80)]
    gateway.accept(who, [submission(name) for name in names], idempotency=None, answer=lambda _: {})
    committed: dict[str, float] = {}

    def suppress(name: str) -> None:
        gateway.suppress.add(who, name)
        committed[name] = time.monotonic()

    order = random.Random(7).sample(names, len(names))
    with ThreadPoolExecutor(3) as threads:
        suppressing = [threads.submit(suppress, name) for name in order]
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        for each in suppressing:
            each.result()
    reached = {one.recipient for one in mailer.sent}
    assert 0 < len(reached) < len(names), "nothing raced"
    assert [name for name in reached if gate.looks[name] > committed[name]] == []
    gateway.close()


class AwayOnce(Database):
    """A database whose first look-up finds nobody there."""

    def __init__(self, database: Database) -> None:
        self.engine = database.engine
        self._database = database
        self._refused = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        if not self._refused:
            self._refused = True
            raise ServiceUnavailable("Away.")
        with self._database.reading() as connection:
            yield connection


def test_a_doubt_before_the_call_ends_in_not_called(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Redis cold and SQL away at the last look: SES is not called, and the mail goes back to the queue."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver._parts.call._gate = Gate(
        database=AwayOnce(gateway.database), positives=gateway.positives, pseudonyms=gateway.accept._pseudonyms
    )
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert outcomes(gateway, mail) == ["not_sent", "accepted"]
    assert recipient_of(gateway, mail).attempts == 0
    assert len(mailer.sent) == 1


def test_a_hit_in_redis_alone_refuses_nobody(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A positive that SQL does not confirm (a stale one, or a collision) costs a look and nothing else."""
    gateway.upkeep.warm_positives()
    gateway.positives.add(["ann@example.net"])
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, mail) is State.SENT
    assert len(mailer.sent) == 1
