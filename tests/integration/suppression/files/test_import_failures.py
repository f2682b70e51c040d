"""Failures during an import: a killed process, a database that is away, a concurrent writer."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import ServiceUnavailable
from app.services.suppression.files import import_list as import_module
from app.services.suppression.files.import_list import BATCH, How
from app.store.suppression import bulk
from app.wiring.gateway import Gateway, build
from tests.support.gateway.gateways import ScriptedMailer, settings_for
from tests.support.gateway.rows import count, rows
from tests.support.suppression.list_files import ADMIN, csv_of, many, pieces_of, put, take


def test_an_import_that_is_killed_and_run_again_is_whole(migrated_url: str, redis_url: str, tmp_path: Path) -> None:
    """Committed rows stay, and the second run ends with the same list as one whole run."""
    file = tmp_path / "list.csv"
    file.write_bytes(b"".join(many(5 * BATCH)))
    process = multiprocessing.get_context("spawn").Process(
        target=_import_and_die, args=(migrated_url, redis_url, str(file))
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    gateway = build(settings_for(migrated_url, redis_url), mailer=ScriptedMailer())
    try:
        assert count(gateway, "suppressions") == 2 * BATCH
        assert count(gateway, "suppression_events") == 2 * BATCH
        assert [one["action"] for one in rows(gateway, "audit", actor=ADMIN.actor)] == ["import"]
        verdicts = take(gateway, file.read_bytes())
        assert verdicts == ["kept"] * (2 * BATCH) + ["added"] * (3 * BATCH)
        assert len({one["key"] for one in rows(gateway, "suppressions", removed_at=None)}) == 5 * BATCH
    finally:
        gateway.close()


def _import_and_die(database_url: str, redis_url: str, file: str) -> None:
    gateway = build(settings_for(database_url, redis_url), mailer=ScriptedMailer())
    batches = iter(range(100))

    def report(_: object) -> None:
        if next(batches) == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    gateway.import_list(ADMIN, pieces_of(Path(file).read_bytes()), How(), report=report)


def test_a_batch_is_tried_again_while_the_database_is_away(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment; then the import ends, and may be run again."""
    monkeypatch.setattr(import_module, "PAUSE_S", 0.0)
    failures = iter([True, True])
    real = bulk.put_all

    def put_all(*arguments: Any, **more: Any) -> Any:
        put = real(*arguments, **more)
        if next(failures, False):
            raise ServiceUnavailable("The database is away.")
        return put

    monkeypatch.setattr(bulk, "put_all", put_all)
    assert take(gateway, csv_of(("email",), ("ann@example.net",))) == ["added"]
    assert (count(gateway, "suppressions"), count(gateway, "suppression_events")) == (1, 1)
    failures = iter([True] * 10)
    with pytest.raises(ServiceUnavailable):
        take(gateway, csv_of(("email",), ("lee@example.net",)))
    assert count(gateway, "suppressions") == 1


@pytest.fixture
def other_connection(migrated_postgres_url: str, redis_url: str) -> Iterator[Gateway]:
    built = build(settings_for(migrated_postgres_url, redis_url), mailer=ScriptedMailer())
    yield built
    built.close()


def test_an_entry_added_during_an_import_is_found(other_connection: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that comes between the look and the write is found by the second look, and reported as it is."""
    gateway = other_connection
    real = bulk.places
    quicker = iter([True])

    def places(*arguments: Any, **more: Any) -> Any:
        found = real(*arguments, **more)
        if next(quicker, False):
            put(gateway, {"key": "ann@example.net", "origin": "complaint"})
        return found

    monkeypatch.setattr(bulk, "places", places)
    monkeypatch.setattr(import_module, "PAUSE_S", 0.0)
    data = csv_of(("email", "origin"), ("ann@example.net", "bounce"), ("lee@example.net", "bounce"))
    assert take(gateway, data) == ["kept", "added"]
    assert [one["origin"] for one in rows(gateway, "suppressions", key="ann@example.net")] == ["complaint"]
    assert count(gateway, "suppression_events") == 1
