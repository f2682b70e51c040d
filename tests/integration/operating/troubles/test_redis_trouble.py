"""`/readyz` with a real Valkey in each trouble, and the API meanwhile, whose callers notice nothing."""

import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from redis import Redis

from app.queue import Lane
from app.services.operating.sweeps import Sweep
from tests.support.gateway.gateways import caller, gateway_on
from tests.support.gateway.web import MAIL, body_of, web_on
from tests.support.redis.user import NAME, user_of_the_docs
from tests.support.servers.redis_troubles import TROUBLES, Trouble, TroubledValkey, troubled_valkey

NOT_LONGER_THAN_S = 10.0


@pytest.fixture(scope="module")
def valkey() -> Iterator[TroubledValkey]:
    with troubled_valkey() as server:
        yield server


OF_THE_BROKER_ALONE = {"no permission to publish and consume", "no permission to consume"}


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_a_trouble_is_named_and_email_is_accepted(
    migrated_sqlite_url: str, valkey: TroubledValkey, trouble: Trouble
) -> None:
    """The cause, the next step, and the effects; the gate uses SQL, and a submission waits for no bell."""
    with valkey.in_trouble(trouble), web_on(migrated_sqlite_url, valkey.url) as web:
        checks = {check.name: check for check in web.gateway.health.ready()}
        for name in ("broker",) if trouble.name in OF_THE_BROKER_ALONE else ("broker", "redis"):
            assert (checks[name].ok, checks[name].required) == (False, False)
            assert trouble.message in checks[name].detail
        key = web.key()
        began = time.monotonic()
        web.gateway.suppress.add(caller(web.gateway, app="lists"), "kim@example.com")
        answer = web.client.post("/v1/emails", headers=key, json=MAIL | {"to": ["ann@example.com", "kim@example.com"]})
        assert answer.status_code == HTTPStatus.OK
        assert [one["email"] for one in body_of(answer)["suppressed"]] == ["kim@example.com"]
        assert time.monotonic() - began < NOT_LONGER_THAN_S
    with gateway_on(migrated_sqlite_url, valkey.url) as gateway:
        checks = {check.name: check for check in gateway.health.ready()}
        assert checks["redis"].ok


def test_the_permissions_that_are_documented_are_enough(migrated_sqlite_url: str, valkey: TroubledValkey) -> None:
    """Word for word as in docs/operations.md, except the password: bells, positives, the rate and readiness."""
    with Redis.from_url(valkey.url) as client:
        client.execute_command("ACL", "SETUSER", NAME, *user_of_the_docs("secret"))
    with web_on(migrated_sqlite_url, valkey.url.replace("unix://", "unix://postern:secret@")) as web:
        checks = {check.name: check for check in web.gateway.health.ready()}
        assert checks["redis"].ok
        assert "Nothing came through" in checks["broker"].detail
        assert web.gateway.upkeep.run(Sweep.POSITIVES) >= 0
        web.gateway.suppress.add(caller(web.gateway, app="lists"), "kim@example.com")
        answer = web.client.post("/v1/emails", headers=web.key(), json=MAIL)
        assert answer.status_code == HTTPStatus.OK
        assert web.gateway.deliver.drain(Lane.TRANSACTIONAL).reported == 1
        assert web.gateway.upkeep.ring_bells() == 0
    with Redis.from_url(valkey.url) as client:
        refused = {entry["object"] for entry in client.acl_log() if entry["username"] == "postern"}
        assert refused <= {"client|setinfo"}  # which redis-py does without
        sections = client.info("commandstats")
        assert "cmdstat_evalsha" in sections
