"""Redis wiped, poisoned, forged or dead at every step: it changes the gate's speed, never its decisions."""

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from redis import Redis

from app.domain.errors import ServiceUnavailable
from app.domain.sending.call_outcome import Envelope, Outcome
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.apps.authenticate import operator
from app.services.sending.call_pools import CallsOnThreads
from app.services.sending.call_results import FoundSuppressed, NotCalled
from app.services.sending.last_look import LastLook
from app.services.suppression.gate import Addressee, Gate
from app.store.engine.database import Database
from app.store.engine.redis import RedisBreaker, connect
from app.store.sending.claims import OpenAttempt
from app.store.sending.send_rate import Pace
from app.wiring.gateway import Gateway, build
from tests.support.aws.notifications import Event, bounced, complained, fresh_address, put
from tests.support.gateway.emails import state_of, submission, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, replace_call_parts, replace_parts, settings_for
from tests.support.gateway.rows import outcomes, recipient_of, rows

NOWHERE = "redis://127.0.0.1:1/0"


@dataclass
class MeddlingMailer(ScriptedMailer):
    """A mailer that runs an action before each answer of SES."""

    before: Callable[[], None] = lambda: None

    def send(self, envelope: Envelope) -> Outcome:
        answer = super().send(envelope)
        self.before()
        return answer


@pytest.fixture
def mailer() -> MeddlingMailer:
    return MeddlingMailer()


Snapshot = dict[bytes, bytes]
GARBAGE: list[Callable[[Redis, bytes], object]] = [
    lambda redis, key: redis.set(key, b"\xff garbage"),
    lambda redis, key: redis.set(key, "7"),
    lambda redis, key: redis.rpush(key, "garbage", "-1"),
    lambda redis, key: redis.hset(key, mapping={"used": "garbage", "next": "nan"}),
    lambda redis, key: redis.sadd(key, 12, -(2**63), "garbage"),
    lambda redis, key: redis.zadd(key, {"garbage": 1.5}),
    lambda redis, key: redis.xadd(key, {"garbage": "1"}),
]


def snapshot(redis: Redis) -> Snapshot:
    """All that Redis holds now, as it would be on its disk."""
    dumps = {key: redis.dump(key) for key in redis.scan_iter()}
    return {key: dump for key, dump in dumps.items() if dump is not None}


@dataclass(frozen=True)
class Harm:
    """A random change of some keys in Redis at one moment; None as `kind` changes nothing."""

    kind: str | None = None
    share: float = 1.0
    seed: int = 0

    def do(self, redis: Redis, older: Snapshot) -> None:
        chance = random.Random(self.seed)
        for key in sorted({*redis.scan_iter(), *older}):
            if self.kind is None or chance.random() >= self.share:
                continue
            redis.delete(key)
            if self.kind == "garbage":
                chance.choice(GARBAGE)(redis, key)
            elif self.kind == "an older snapshot" and key in older:
                redis.restore(key, 0, older[key])


harms = st.builds(
    Harm,
    kind=st.sampled_from([None, "deleted", "garbage", "an older snapshot"]),
    share=st.sampled_from([0.3, 0.7, 1.0]),
    seed=st.integers(0, 2**16),
)
readers = st.frozensets(st.integers(0, 9))


@dataclass(frozen=True)
class Story:
    """Which of ten recipients are suppressed at which step, and the harm to Redis right after, in the order of steps.

    The first two are before accept and before the claim, the third is between the claim and the first look, and the
    last is when SES is called for the first time, while the others wait for their look.
    """

    suppressed: tuple[frozenset[int], ...]
    harms: tuple[Harm, ...]

    @property
    def reached(self) -> set[int]:
        """The recipients that get an email.

        Those before the first call have had their last look before the last step.
        """
        early = frozenset[int]().union(*self.suppressed[:3])
        left = [number for number in range(10) if number not in early]
        return {number for number in left if number == left[0] or number not in self.suppressed[3]}


class MeddlingLook(LastLook):
    """The last look, with an action before the first of them."""

    before: list[Callable[[], None]]

    def __call__(self, attempt: OpenAttempt) -> NotCalled | FoundSuppressed | None:
        while self.before:
            self.before.pop()()
        return super().__call__(attempt)


def patient(gateway: Gateway) -> Redis:
    """A client of the test, which waits longer than the gateway does: a loaded machine may answer late."""
    return connect(gateway.settings.redis_url, patience_s=30)


def get_recipients(gateway: Gateway, mailer: MeddlingMailer, story: Story) -> set[int]:
    """Run a story; return which of the ten recipients got an email."""
    redis = patient(gateway)
    names, who, older = [fresh_address() for _ in range(10)], caller(gateway), [snapshot(redis)]

    def step(number: int) -> None:
        for one in sorted(story.suppressed[number]):
            gateway.suppress.add(who, names[one])
        story.harms[number].do(redis, older[0])

    once = [lambda: step(3)]
    mailer.sent.clear()
    mailer.before = lambda: once.pop()() if once else None
    look = MeddlingLook(gateway.database)
    look.before = [lambda: step(2)]
    replace_call_parts(gateway, last_look=look)
    step(0)
    gateway.accept(who, [submission(name) for name in names], idempotency=None, answer=lambda _: {})
    step(1)
    drained = gateway.deliver.drain(Lane.TRANSACTIONAL)
    while drained.more or rows(gateway, "recipients", state=State.QUEUED):
        drained = gateway.deliver.drain(Lane.TRANSACTIONAL)
    return {names.index(one.recipient) for one in mailer.sent}


@pytest.fixture
def hasty(migrated_url: str, redis_url: str, mailer: MeddlingMailer, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that claims ten emails and calls SES for one after the other; without Redis time passes quickly."""
    gateway = build(settings_for(migrated_url, redis_url, ses_threads=5, flight_dir=tmp_path), mailer=mailer)
    pace = Pace(
        gateway.redis,
        breaker=RedisBreaker(),
        workers=gateway.workforce.count,
        clock=lambda: 200 * time.monotonic(),
    )
    calls = CallsOnThreads(gateway.deliver.parts.calls.call, threads=1)
    replace_parts(gateway, calls=calls, pace=pace, sleep=lambda _: time.sleep(0.005))
    replace_call_parts(gateway, pace=pace)
    yield gateway
    gateway.close()


@given(
    suppressed=st.tuples(readers, readers, readers, readers),
    harms=st.tuples(harms, harms, harms, harms),
    warm=st.booleans(),
)
@settings(
    max_examples=20,
    phases=[Phase.generate],  # a smaller story would take minutes to find
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_harm_to_redis_changes_which_recipients_get_email(
    hasty: Gateway,
    mailer: MeddlingMailer,
    suppressed: tuple[frozenset[int], ...],
    harms: tuple[Harm, ...],
    warm: bool,
) -> None:
    """Its keys deleted, of another type, or as they were before, at any step: the same recipients get an email."""
    patient(hasty).flushall()
    if warm:
        hasty.upkeep.warm_positives()
    story = Story(suppressed, harms)
    untouched = get_recipients(hasty, mailer, Story(suppressed, (Harm(),) * 4))
    assert get_recipients(hasty, mailer, story) == untouched == story.reached


@pytest.fixture
def without_redis(migrated_url: str, mailer: ScriptedMailer) -> Iterator[Gateway]:
    built = build(settings_for(migrated_url, NOWHERE), mailer=mailer)
    yield built
    built.close()


def test_without_redis_the_same_recipients_are_reached(without_redis: Gateway, mailer: ScriptedMailer) -> None:
    """A gateway that never had a Redis asks SQL each time, and reports suppressed recipients at accept."""
    names, who = [f"r{number}@example.net" for number in range(6)], caller(without_redis)
    without_redis.suppress.add(who, names[0])
    answer = without_redis.accept(
        who,
        [submission(*names)],
        idempotency=None,
        answer=lambda receipts: {"suppressed": [one.email for one in receipts[0].suppressed]},
    )
    assert answer.body == {"suppressed": names[:1]}
    without_redis.suppress.add(who, names[1])
    without_redis.deliver.drain(Lane.TRANSACTIONAL)
    assert sorted(one.recipient for one in mailer.sent) == names[2:]


def one_thread(url: str, redis_url: str, mailer: ScriptedMailer) -> Gateway:
    """A gateway that calls SES for one email after the other."""
    return build(settings_for(url, redis_url, ses_threads=1), mailer=mailer)


@pytest.mark.parametrize("redis_is", ["warm", "cold", "flushed after it", "warm and without it", "dead"])
def test_an_address_suppressed_after_the_claim_is_caught_by_the_last_look(
    migrated_url: str, redis_url: str, redis_is: str
) -> None:
    """Two emails are claimed; during the first call the second's address is suppressed: no call for it."""
    mailer = MeddlingMailer()
    gateway = one_thread(migrated_url, NOWHERE if redis_is == "dead" else redis_url, mailer)
    who = caller(gateway)
    if redis_is not in {"cold", "dead"}:
        gateway.upkeep.warm_positives()
    submit(gateway, who, "first@example.net")
    second = submit(gateway, who, "second@example.net")

    def suppress() -> None:
        gateway.suppress.add(who, "second@example.net")
        if redis_is == "flushed after it":
            gateway.redis.flushall()
        elif redis_is == "warm and without it":
            gateway.positives.remove(["second@example.net"])

    mailer.before = suppress
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["first@example.net"]
    assert state_of(gateway, second) is State.SUPPRESSED
    assert recipient_of(gateway, second).reason == "The address is on the suppression list (manual)."
    assert outcomes(gateway, second) == ["not_sent"]
    gateway.close()


@pytest.mark.parametrize("kind", [bounced, complained], ids=["bounce", "complaint"])
def test_an_event_that_comes_after_the_claim_is_caught_by_the_last_look(
    migrated_url: str, redis_url: str, kind: Callable[..., Event]
) -> None:
    """Two emails are claimed; during the first call the second's address bounces or complains: no call for it."""
    mailer = MeddlingMailer()
    gateway = one_thread(migrated_url, redis_url, mailer)
    gateway.upkeep.warm_positives()
    who = caller(gateway)
    submit(gateway, who, "first@example.net")
    second = submit(gateway, who, "second@example.net")

    def settle() -> None:
        put(gateway, json.dumps(kind("second@example.net", message="an-earlier-one")))
        gateway.settle.drain()

    mailer.before = settle
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["first@example.net"]
    assert state_of(gateway, second) is State.SUPPRESSED
    gateway.close()


def test_a_warm_redis_spares_the_database_and_hides_no_entry(gateway: Gateway) -> None:
    """A suppressed address is reported with its entry in SQL; any other costs no look at SQL."""
    gateway.upkeep.warm_positives()
    gateway.suppress.add(operator("test"), "kim@example.net", reason="By phone.")
    kim, ann = (Addressee(f"{name}@example.net", "invites/news") for name in ("kim", "ann"))
    parts: dict[str, Any] = {"positives": gateway.positives, "pseudonyms": gateway.pseudonyms}
    found = Gate(database=gateway.database, **parts).suppressed([kim, ann])
    assert {one: entry.reason for one, entry in found.items()} == {kim: "By phone."}
    without_sql = Gate(database=Database("postgresql+psycopg://postern@127.0.0.1:9/nowhere"), **parts)
    assert without_sql.suppressed([ann]) == {}
    with pytest.raises(ServiceUnavailable):
        without_sql.suppressed([ann, kim])


def test_a_hit_in_redis_alone_refuses_no_recipient(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A positive that SQL does not confirm (a stale one, or a collision) costs a look and nothing else."""
    gateway.upkeep.warm_positives()
    gateway.positives.add(["ann@example.net"])
    email = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, email) is State.SENT
    assert len(mailer.sent) == 1
