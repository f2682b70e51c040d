"""The health checks that an operator on call sees: which part is not well, and whether email is sent all the same."""

from contextlib import closing
from datetime import timedelta

import pytest
from alembic import command
from sqlalchemy import text

from app.services.operating.health import Check
from app.services.operating.sweeps import EVERY_S
from app.store.operating import heartbeats, schema
from app.store.sending import circuits
from app.wiring.gateway import Gateway, build
from app.wiring.migrations import alembic_config
from tests.support.gateway.gateways import settings_for
from tests.support.gateway.rows import age


def checks(gateway: Gateway) -> dict[str, Check]:
    return {one.name: one for one in gateway.health.ready()}


def test_all_is_well_once_a_worker_was_seen(gateway: Gateway) -> None:
    """Without a worker emails are accepted and wait; with one everything is ready."""
    before = checks(gateway)
    assert [one.name for one in before.values() if not one.ok] == ["worker", "broker", "sweeps"]
    gateway.workforce.beat("host:1:2")
    gateway.workforce.was_reached("host:1")
    with gateway.database.transaction() as connection:
        for sweep in EVERY_S:
            heartbeats.beat(connection, f"sweep:{sweep}", kind=heartbeats.SWEEPER)
    assert all(one.ok for one in checks(gateway).values())


def test_a_database_that_is_away_is_reported_and_not_used_further(redis_url: str) -> None:
    """One sentence, no exception, and no check that would only repeat it."""
    gateway = build(settings_for("sqlite:////nowhere/at/all.db", redis_url))
    found = checks(gateway)
    assert not found["database"].ok
    assert found["database"].required
    assert set(found) == {"database", "redis"}
    gateway.close()


def test_a_redis_that_is_away_is_reported_but_not_required(migrated_url: str) -> None:
    """SQL is used instead: slower, and with the same result."""
    gateway = build(settings_for(migrated_url, "redis://127.0.0.1:1/0"))
    found = checks(gateway)["redis"]
    assert (found.ok, found.required) == (False, False)
    assert "SQL is asked instead" in found.detail
    gateway.close()


def test_another_revision_than_the_codes_is_reported(gateway: Gateway, migrated_url: str) -> None:
    """A database that was not migrated gives the command to run."""
    command.downgrade(alembic_config(migrated_url), "base")
    found = checks(gateway)["migrations"]
    assert not found.ok
    assert "alembic upgrade head" in found.detail


@pytest.mark.parametrize("oldest_code, is_ready", [(None, True), ("0024", True), ("later", False)])
def test_a_database_that_a_later_release_has_migrated_is_ready_unless_it_says_otherwise(
    gateway: Gateway, oldest_code: str | None, is_ready: bool
) -> None:
    """It may name a revision: code that does not contain that one is not ready."""
    with gateway.database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'last'"))
        schema.set_oldest_code(connection, oldest_code)
    found = checks(gateway)["migrations"]
    assert found.ok is is_ready
    assert "of a later release" in found.detail


def test_repeated_probes_take_no_memory(gateway: Gateway) -> None:
    """A probe comes every few seconds for the life of the process, and compiles no statement anew."""
    for _ in range(2):
        checks(gateway)
    compiled = set(gateway.database.engine._compiled_cache or ())  # noqa: SLF001 - SQLAlchemy has no public name
    for _ in range(3):
        checks(gateway)
    assert set(gateway.database.engine._compiled_cache or ()) == compiled  # noqa: SLF001 - likewise


def test_a_broker_that_reaches_no_worker_is_reported_but_not_required(gateway: Gateway) -> None:
    """Workers without messages look for work by themselves; a message from a while ago proves nothing about now."""
    assert (checks(gateway)["broker"].ok, checks(gateway)["broker"].required) == (False, False)
    gateway.workforce.was_reached("host:1")
    assert checks(gateway)["broker"].ok
    age(gateway, "heartbeats", "seen_at", timedelta(minutes=2))
    assert not checks(gateway)["broker"].ok


def test_each_node_has_the_time_of_its_last_message(gateway: Gateway) -> None:
    """Each node has its own time, whatever the length of its name."""
    long = "h" * 300 + ":1"
    assert gateway.workforce.last_reached(long) is None
    gateway.workforce.was_reached(long)
    assert gateway.workforce.last_reached(long) is not None
    assert gateway.workforce.last_reached("host:1") is None


def test_an_open_circuit_is_reported_with_its_reason(gateway: Gateway) -> None:
    """It is no reason to take the gateway out of service."""
    with gateway.database.transaction() as connection:
        circuits.trip(connection, "account", reason="The account is paused.")
    found = checks(gateway)["circuits"]
    assert (found.ok, found.required) == (False, False)
    assert "The account is paused." in found.detail


def test_a_configured_smtp_door_has_to_be_open(migrated_sqlite_url: str, redis_url: str) -> None:
    """Its absence is reported; the API accepts email all the same. Without a port there is no check."""
    settings = settings_for(migrated_sqlite_url, redis_url, smtp_port=2525, smtp_clear_auth_on_loopback=True)
    with closing(build(settings)) as gateway:
        assert "start `./postern smtp`" in checks(gateway)["smtp"].detail
        assert not checks(gateway)["smtp"].required
        gateway.smtp_door.beat("smtp:host:1", {})
        assert checks(gateway)["smtp"].ok
        age(gateway, "heartbeats", "seen_at", timedelta(minutes=2), name="smtp:host:1")
        assert not checks(gateway)["smtp"].ok
    with closing(build(settings_for(migrated_sqlite_url, redis_url))) as gateway:
        assert "smtp" not in checks(gateway)
