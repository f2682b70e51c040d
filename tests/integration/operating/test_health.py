"""What whoever is on call is told: which part is not well, and whether mail flows all the same."""

from datetime import timedelta

from alembic import command

from app.services.health import Check
from app.services.rhythm import EVERY_S
from app.store import circuits, heartbeats
from app.wiring import Gateway, alembic_config, build
from tests.gateways import settings_for
from tests.rows import age


def checks(gateway: Gateway) -> dict[str, Check]:
    return {one.name: one for one in gateway.health.ready()}


def test_all_is_well_once_a_worker_was_seen(gateway: Gateway) -> None:
    """Without a worker mail is accepted and waits; with one everything is ready."""
    before = checks(gateway)
    assert [one.name for one in before.values() if not one.ok] == ["worker", "broker", "sweeps"]
    gateway.workforce.beat("host:1:2")
    gateway.workforce.heard("host:1")
    with gateway.database.transaction() as connection:
        for sweep in EVERY_S:
            heartbeats.beat(connection, f"sweep:{sweep}", kind=heartbeats.SWEEPER)
    assert all(one.ok for one in checks(gateway).values())


def test_a_database_that_is_away_is_said_and_nothing_else_is_asked_of_it(redis_url: str) -> None:
    """One sentence, no exception, and no check that would only repeat it."""
    gateway = build(settings_for("sqlite:////nowhere/at/all.db", redis_url))
    told = checks(gateway)
    assert not told["database"].ok
    assert told["database"].required
    assert set(told) == {"database", "redis"}
    gateway.close()


def test_a_redis_that_is_away_is_told_but_not_required(migrated_url: str) -> None:
    """SQL is asked instead: slower, and as right."""
    gateway = build(settings_for(migrated_url, "redis://127.0.0.1:1/0"))
    told = checks(gateway)["redis"]
    assert (told.ok, told.required) == (False, False)
    assert "SQL is asked instead" in told.detail
    gateway.close()


def test_another_revision_than_the_codes_is_told(gateway: Gateway, migrated_url: str) -> None:
    """A database that was not migrated says what to run."""
    command.downgrade(alembic_config(migrated_url), "base")
    told = checks(gateway)["migrations"]
    assert not told.ok
    assert "alembic upgrade head" in told.detail


def test_who_asks_again_and_again_takes_no_memory(gateway: Gateway) -> None:
    """A probe comes every few seconds for as long as the process lives: no statement of it is compiled anew."""
    for _ in range(2):
        checks(gateway)
    compiled = set(gateway.database.engine._compiled_cache or ())
    for _ in range(3):
        checks(gateway)
    assert set(gateway.database.engine._compiled_cache or ()) == compiled


def test_a_broker_that_reaches_nobody_is_told_but_not_required(gateway: Gateway) -> None:
    """Workers that hear nothing look for work by themselves; what one heard a while ago says nothing of now."""
    assert (checks(gateway)["broker"].ok, checks(gateway)["broker"].required) == (False, False)
    gateway.workforce.heard("host:1")
    assert checks(gateway)["broker"].ok
    age(gateway, "heartbeats", "seen_at", timedelta(minutes=2))
    assert not checks(gateway)["broker"].ok


def test_a_node_is_told_when_it_last_heard(gateway: Gateway) -> None:
    """Each node has its own time, whatever the length of its name."""
    long = "h" * 300 + ":1"
    assert gateway.workforce.last_heard(long) is None
    gateway.workforce.heard(long)
    assert gateway.workforce.last_heard(long) is not None
    assert gateway.workforce.last_heard("host:1") is None


def test_what_is_held_back_is_told_with_its_reason(gateway: Gateway) -> None:
    """An open circuit is no reason to take the gateway out of service."""
    with gateway.database.transaction() as connection:
        circuits.trip(connection, "account", reason="The account is paused.")
    told = checks(gateway)["circuits"]
    assert (told.ok, told.required) == (False, False)
    assert "The account is paused." in told.detail
