"""A real Valkey that is full, under each of its policies: whatever it deletes, the same recipients get email."""

from collections.abc import Iterator
from typing import Final

import pytest
from redis import Redis, exceptions

from app.domain.sending.state_machine import State
from app.queue import DELIVER, Lane, Queue
from app.store.suppression.positive_cache import WARM
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import caller, gateway_on
from tests.support.servers.valkey import FailingValkey, failing_valkey

POLICIES: Final = (
    *(f"{keys}-{which}" for keys in ("allkeys", "volatile") for which in ("lru", "lfu", "random")),
    "volatile-ttl",
    "noeviction",
)
ROOM_BYTES: Final = 200_000
FILLERS: Final = 1_500


@pytest.fixture(scope="module")
def valkey() -> Iterator[FailingValkey]:
    with failing_valkey() as server:
        yield server


@pytest.fixture
def gateway(migrated_sqlite_url: str, valkey: FailingValkey) -> Iterator[Gateway]:
    with gateway_on(migrated_sqlite_url, valkey.url) as gateway:
        yield gateway


def fill(redis: Redis, policy: str) -> None:
    """Give it little room, and write until it has deleted many keys, or refuses."""
    redis.config_set("maxmemory-policy", policy)
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] + ROOM_BYTES)
    for number in range(FILLERS):
        try:
            redis.set(f"filler:{number}", "x" * 500, ex=FILLERS - number)
        except exceptions.OutOfMemoryError:
            return


@pytest.mark.parametrize("policy", POLICIES)
def test_what_a_full_redis_deletes_changes_no_recipient(gateway: Gateway, valkey: FailingValkey, policy: str) -> None:
    """Positives, bells and the send rate may be gone: a suppressed address gets nothing, and all others get theirs."""
    who = caller(gateway)
    with Redis.from_url(valkey.url) as redis:
        redis.config_set("maxmemory", 0)
        redis.flushall()
        redis.config_resetstat()
        gateway.upkeep.warm_positives()
        gateway.suppress.add(who, "kim@example.net")
        before = submit(gateway, who, "ann@example.net")
        assert redis.llen(f"postern:broker:{Queue.TRANSACTIONAL}") == 1
        fill(redis, policy)
        assert bool(redis.info("stats")["evicted_keys"]) == (policy != "noeviction")
        kept = bool(redis.exists(WARM, f"postern:broker:{Queue.TRANSACTIONAL}"))
        assert kept or policy.startswith("allkeys")
        suppressed, after = submit(gateway, who, "kim@example.net"), submit(gateway, who, "bob@example.net")
        checks = {check.name: check for check in gateway.health.ready()}
    while gateway.deliver.drain(Lane.TRANSACTIONAL).more:
        pass
    assert state_of(gateway, suppressed) is State.SUPPRESSED
    assert {state_of(gateway, one) for one in (before, after)} == {State.SENT}
    for name in ("redis", "broker"):
        assert not checks[name].ok
        assert not checks[name].required
        assert ("is full" if policy == "noeviction" else f"`maxmemory-policy` {policy}") in checks[name].detail


def test_bells_that_were_deleted_ring_again(gateway: Gateway, valkey: FailingValkey) -> None:
    """The sweep finds the email, and rings once the note that the bell has rung is gone too, after 5 s at most."""
    with Redis.from_url(valkey.url) as redis:
        redis.config_set("maxmemory", 0)
        submit(gateway, caller(gateway), "ann@example.net")
        redis.delete(f"postern:broker:{Queue.TRANSACTIONAL}", f"postern:bell:{DELIVER[Lane.TRANSACTIONAL].name}")
        gateway.upkeep.ring_bells()
        assert redis.llen(f"postern:broker:{Queue.TRANSACTIONAL}") == 1
