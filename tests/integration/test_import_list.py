"""Files into the list and out of it, on both databases: what is on it afterwards, and what may go wrong on the way."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from app.domain.callers import Caller
from app.domain.errors import RestrictedApiKey, ServiceUnavailable, ValidationFailed
from app.domain.list_files import Reading
from app.domain.suppression import TERMS, Origin
from app.services import import_list as import_module
from app.services.authenticate import operator
from app.services.import_batch import Told
from app.services.import_list import BATCH, How
from app.store import suppression_bulk
from app.store.ids import new_id
from app.store.models import audit, suppression_events, suppressions
from app.wiring import Gateway, build
from tests.gateways import ScriptedMailer, caller, settings_for
from tests.lists import csv_of, many, pieces_of
from tests.rows import change, count, rows

ADMIN = operator("tester")
COMPARED = ("key", "scope", "address", "origin", "reason", "created_at", "expires_at")


def take(
    gateway: Gateway, data: bytes, *, who: Caller = ADMIN, dry_run: bool = False, fresh: bool = False, **how: Any
) -> list[str]:
    """Import a file; the verdict on each row, or the rule that it breaks."""
    told: list[Told] = []
    gateway.import_list(
        who, pieces_of(data), How(reading=Reading(**how), dry_run=dry_run, fresh=fresh), tell=told.extend
    )
    return [one.code or one.verdict.value for one in told]


def export(gateway: Gateway, who: Caller = ADMIN, **which: Any) -> bytes:
    return "".join(piece.text for piece in gateway.export_list(who, **which)).encode()


def live(gateway: Gateway) -> list[tuple[Any, ...]]:
    entries = rows(gateway, "suppressions", removed_at=None)
    return sorted(tuple(entry[name] for name in COMPARED) for entry in entries)


def test_a_file_is_on_the_list(gateway: Gateway) -> None:
    """Each entry as its row says, noted as added, named by its import, and in the positives before anybody asks."""
    gateway.positives.rebuild([])
    data = csv_of(
        ("email", "scope", "origin", "reason", "created_at", "expires_at"),
        ("Ann@Example.net", "", "bounce", "No such mailbox", "2026-03-04T05:06:07Z", ""),
        ("@example.org", "shop", "manual", "Their postmaster asked", "", "2100-01-01T00:00:00Z"),
    )
    assert take(gateway, data) == ["added", "added"]
    domain, ann = sorted(rows(gateway, "suppressions"), key=lambda row: str(row["key"]))
    assert (ann["key"], ann["address"], ann["scope"], ann["origin"]) == (
        "ann@example.net",
        "Ann@Example.net",
        "*",
        "bounce",
    )
    assert ann["created_at"] == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert (domain["key"], domain["scope"], domain["expires_at"]) == (
        "@example.org",
        "shop",
        datetime(2100, 1, 1, tzinfo=UTC),
    )
    events = rows(gateway, "suppression_events")
    noted = {(one["suppression_id"], one["type"], one["actor"], one["reason"]) for one in events}
    assert noted == {
        (ann["id"], "added", ADMIN.actor, "No such mailbox"),
        (domain["id"], "added", ADMIN.actor, "Their postmaster asked"),
    }
    found = gateway.positives.look_up(["ann@example.net", "@example.org", "lee@example.net"])
    assert found == frozenset({"ann@example.net", "@example.org"})
    begun, ended = rows(gateway, "audit", actor=ADMIN.actor)
    assert (begun["action"], ended["action"]) == ("import", "imported")
    assert begun["data"]["import"] == ended["data"]["import"] == ann["source"]["import"]
    assert (ended["data"]["rows"], ended["data"]["added"]) == (2, 2)


def test_an_import_again_changes_nothing(gateway: Gateway) -> None:
    """So one that was broken off is simply repeated."""
    data = csv_of(("email", "origin"), *((f"p{number}@example.net", "bounce") for number in range(50)))
    assert set(take(gateway, data)) == {"added"}
    before = rows(gateway, "suppressions"), rows(gateway, "suppression_events")
    assert set(take(gateway, data)) == {"kept"}
    assert (rows(gateway, "suppressions"), rows(gateway, "suppression_events")) == before


def test_a_stronger_or_longer_row_takes_the_place_and_no_other_does(gateway: Gateway) -> None:
    """The row keeps its id and the time since when; the change is noted."""
    take(gateway, csv_of(("email", "origin", "created_at"), ("ann@example.net", "bounce", "2026-03-04T00:00:00Z")))
    [first] = rows(gateway, "suppressions")
    data = csv_of(
        ("email", "origin", "reason", "created_at", "expires_at"),
        ("ann@example.net", "manual", "Weaker", "", ""),
        ("ann@example.net", "bounce", "Shorter", "", "2100-01-01T00:00:00Z"),
        ("ann@example.net", "complaint", "Stronger", "", ""),
        ("ann@example.net", "bounce", "Weaker again", "", ""),
    )
    assert take(gateway, data) == ["kept", "kept", "replaced", "kept"]
    [now] = rows(gateway, "suppressions")
    assert (now["id"], now["created_at"]) == (first["id"], first["created_at"])
    assert (now["origin"], now["reason"], now["version"]) == ("complaint", "Stronger", 2)
    assert [one["type"] for one in rows(gateway, "suppression_events")] == ["added", "replaced"]


def test_rows_for_one_name_meet_each_other(gateway: Gateway) -> None:
    """In one batch and in two, the second finds what the first one put; other scopes are other places."""
    data = csv_of(
        ("email", "scope", "origin"),
        ("ann@example.net", "*", "manual"),
        ("ANN@example.net", "*", "complaint"),
        ("ann@example.net", "shop/news", "unsubscribe"),
        ("ann@example.net", "*", "bounce"),
        *((f"p{number}@example.net", "*", "manual") for number in range(BATCH)),
        ("Ann@example.net", "*", "complaint"),
    )
    expected = ["added", "replaced", "added", "kept", *["added"] * BATCH, "kept"]
    assert take(gateway, data, dry_run=True) == expected
    assert take(gateway, data) == expected
    entries = {
        (one["key"], one["scope"]): one["origin"] for one in rows(gateway, "suppressions", key="ann@example.net")
    }
    assert entries == {("ann@example.net", "*"): "complaint", ("ann@example.net", "shop/news"): "unsubscribe"}


def test_an_entry_that_has_run_out_makes_room(gateway: Gateway) -> None:
    """It becomes a tombstone of the moment when it did, as everywhere."""
    take(gateway, csv_of(("email", "expires_at"), ("ann@example.net", "2100-01-01T00:00:00Z")))
    past = datetime(2026, 1, 1, tzinfo=UTC)
    change(gateway, "suppressions", {"expires_at": past})
    assert take(gateway, csv_of(("email", "origin"), ("ann@example.net", "bounce"))) == ["added"]
    old, new = rows(gateway, "suppressions")
    assert (old["removed_at"], old["removed_by"], new["removed_at"]) == (past, "postern", None)
    assert [one["type"] for one in rows(gateway, "suppression_events")] == ["added", "expired", "added"]


def test_nobody_comes_back_who_was_taken_off_since(gateway: Gateway) -> None:
    """Promise 6, for rows that are older or say no time; a newer one is fresh evidence, and --fresh says that it is."""
    take(gateway, csv_of(("email",), ("ann@example.net",), ("lee@example.net",), ("kim@example.net",)))
    for name in ("ann", "lee", "kim"):
        gateway.suppress.remove(ADMIN, f"{name}@example.net", reason="Asked.", wait_for_ses=False)
    tomorrow = (datetime.now(UTC) + timedelta(hours=12)).isoformat()
    data = csv_of(
        ("email", "created_at"),
        ("ann@example.net", "2026-03-04T00:00:00Z"),
        ("lee@example.net", ""),
        ("kim@example.net", tomorrow),
    )
    expected = ["removed_since", "removed_since", "added"]
    assert take(gateway, data, dry_run=True) == expected
    assert take(gateway, data) == expected
    assert [one["key"] for one in rows(gateway, "suppressions", removed_at=None)] == ["kim@example.net"]
    assert take(gateway, data, fresh=True) == ["removed_since", "added", "kept"]


def test_a_dry_run_changes_nothing(gateway: Gateway) -> None:
    """No entry, no event, no audit, and nothing in Redis."""
    gateway.positives.rebuild([])
    assert take(gateway, csv_of(("email",), ("ann@example.net",), ("bad",)), dry_run=True) == ["added", "one_at_sign"]
    for table in ("suppressions", "suppression_events", "audit"):
        assert count(gateway, table) == 0
    assert gateway.positives.look_up(["ann@example.net"]) == frozenset()


def test_who_was_forgotten_is_not_stored_again(gateway: Gateway) -> None:
    """The person stays suppressed under the pseudonym; the address in the file is left where it is."""
    pseudonym = gateway.import_list._pseudonyms("ann@example.net")
    _put(gateway, {"key": pseudonym, "address": pseudonym, "origin": "erasure"})
    data = csv_of(("email", "origin"), ("Ann@example.net", "complaint"))
    assert take(gateway, data, dry_run=True) == ["kept"]
    assert take(gateway, data) == ["kept"]
    assert count(gateway, "suppressions") == 1


def test_an_application_imports_for_itself(gateway: Gateway) -> None:
    """Its own scopes and `*`; no whole domain, no scope of others, and no evidence."""
    who = caller(gateway, app="shop")
    data = csv_of(
        ("email", "scope", "source"),
        ("a@example.net", "*", '{"ses_message_id":"0100"}'),
        ("a@example.net", "shop/news", ""),
        ("a@example.net", "other/news", ""),
        ("@example.net", "shop", ""),
    )
    assert take(gateway, data, who=who) == ["added", "added", "not_yours", "whole_domain"]
    assert all(list(one["source"]) == ["import"] for one in rows(gateway, "suppressions"))
    assert take(gateway, csv_of(("email",), ("b@example.net",)), who=who, scope="other") == ["not_yours"]


def test_reading_and_writing_need_their_scopes(gateway: Gateway) -> None:
    """The command line's operator has them all."""
    reader = caller(gateway, app="reader", scopes=frozenset())
    with pytest.raises(RestrictedApiKey):
        take(gateway, b"email\n", who=reader)
    with pytest.raises(RestrictedApiKey):
        gateway.export_list(reader)


def test_a_scope_that_is_none_is_refused_before_anything_is_read(gateway: Gateway) -> None:
    """The whole file would be refused row by row."""
    with pytest.raises(ValidationFailed) as caught:
        take(gateway, b"", scope="no scope")
    assert [fault.pointer for fault in caught.value.faults] == ["/scope"]


def test_a_file_that_breaks_keeps_what_came_before(gateway: Gateway) -> None:
    """And says how much that was; the repaired file is imported again."""
    good = [(f"p{number}@example.net",) for number in range(BATCH)]
    data = csv_of(("email",), *good) + b'"broken@example.net\n'
    with pytest.raises(ValidationFailed, match=rf"Line {BATCH + 2}, column 1: .* The {BATCH} rows before it are done"):
        take(gateway, data)
    assert count(gateway, "suppressions") == BATCH
    with pytest.raises(ValidationFailed) as caught:
        take(gateway, data, dry_run=True)
    assert "rows before it" not in caught.value.detail


def test_an_export_shows_each_what_concerns_him(gateway: Gateway) -> None:
    """An application `*` and its own; an administrator all, with the evidence; nobody the forgotten."""
    for scope in ("*", "shop", "shop/news", "shopping/news", "other"):
        _put(
            gateway,
            {"key": f"x.{scope.replace('/', '.').replace('*', 'all')}@example.net", "scope": scope, "source": {"n": 1}},
        )
    _put(gateway, {"key": "#f2ca1bb6c7e907d06dafe4", "origin": "erasure"})
    mine = export(gateway, caller(gateway, app="shop")).decode().splitlines()[1:]
    assert [line.split(",")[1] for line in mine] == ["*", "shop", "shop/news"]
    assert all(line.endswith(",") for line in mine)
    everything = export(gateway).decode().splitlines()[1:]
    assert [line.split(",")[1] for line in everything] == ["*", "shop", "shop/news", "shopping/news", "other"]
    assert all(line.endswith('"{""n"":1}"') for line in everything)
    assert len(export(gateway, scope="other").splitlines()) == 2
    assert len(export(gateway, origin="complaint").splitlines()) == 1


def test_an_export_reads_on_where_nothing_is_wanted(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces are pieces of the table: a filter that few rows pass reads no more of them at a time."""
    monkeypatch.setattr("app.services.export_list.PIECE", 3)
    for number in range(10):
        _put(gateway, {"key": f"p{number}@example.net", "scope": "shop" if number in {0, 2, 4, 9} else "*"})
    pieces = list(gateway.export_list(ADMIN, scope="shop"))
    assert [piece.entries for piece in pieces] == [0, 2, 1, 0, 1]
    assert len("".join(piece.text for piece in pieces).splitlines()) == 5


key_part = st.from_regex(r"[a-z0-9+'=_-]{1,12}", fullmatch=True)
entries_of_a_list = st.lists(
    st.tuples(
        st.one_of(key_part.map(lambda part: f"{part}@example.net"), st.sampled_from(["@example.org", "@example.net"])),
        st.sampled_from(["*", "shop", "shop/news", "other/a.b-c_d"]),
        st.sampled_from(sorted(set(Origin) - {Origin.ERASURE})),
        st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)
        .map(str.strip)
        .filter(bool),
        st.integers(0, 800_000_000).map(lambda seconds: datetime(2001, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)),
        st.none()
        | st.integers(0, 800_000_000).map(lambda ms: datetime(2100, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)),
    ),
    max_size=12,
    unique_by=lambda entry: entry[:2],
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=entries_of_a_list)
def test_an_export_imported_into_an_empty_list_is_that_list(gateway: Gateway, entries: list[Any]) -> None:
    """Every name, scope, origin, reason, time and end, whatever characters they have."""
    _empty(gateway)
    for key, scope, origin, reason, created, ends in entries:
        _put(
            gateway,
            {
                "key": key,
                "address": key.upper() if key[0] != "@" else key,
                "scope": scope,
                "origin": origin,
                "reason": reason,
                "created_at": created,
                "expires_at": ends if TERMS[origin].may_expire else None,
                "source": {"said": reason},
            },
        )
    before, file = live(gateway), export(gateway)
    _empty(gateway)
    assert take(gateway, file) == ["added"] * len(entries)
    assert live(gateway) == before
    assert set(take(gateway, export(gateway))) <= {"kept"}


def test_an_import_that_is_killed_and_run_again_is_whole(migrated_url: str, redis_url: str, tmp_path: Path) -> None:
    """What was committed stays, what was not is not there, and the second run ends with the list of one whole run."""
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
        told = take(gateway, file.read_bytes())
        assert told == ["kept"] * (2 * BATCH) + ["added"] * (3 * BATCH)
        assert len({one["key"] for one in rows(gateway, "suppressions", removed_at=None)}) == 5 * BATCH
    finally:
        gateway.close()


def _import_and_die(database_url: str, redis_url: str, file: str) -> None:
    gateway = build(settings_for(database_url, redis_url), mailer=ScriptedMailer())
    batches = iter(range(100))

    def tell(_: object) -> None:
        if next(batches) == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    gateway.import_list(ADMIN, pieces_of(Path(file).read_bytes()), How(), tell=tell)


def test_a_batch_is_tried_again_while_the_database_is_away(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment; then the import ends, and may be run again."""
    monkeypatch.setattr(import_module, "_PAUSE_S", 0.0)
    failures = iter([True, True])
    real = suppression_bulk.put_all

    def put_all(*arguments: Any, **more: Any) -> Any:
        put = real(*arguments, **more)
        if next(failures, False):
            raise ServiceUnavailable("The database is away.")
        return put

    monkeypatch.setattr(suppression_bulk, "put_all", put_all)
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


def test_whoever_is_quicker_with_an_address_is_met(other_connection: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that comes between the look and the write is found by the second look, and told as it is."""
    gateway = other_connection
    real = suppression_bulk.places
    quicker = iter([True])

    def places(*arguments: Any, **more: Any) -> Any:
        found = real(*arguments, **more)
        if next(quicker, False):
            _put(gateway, {"key": "ann@example.net", "origin": "complaint"})
        return found

    monkeypatch.setattr(suppression_bulk, "places", places)
    monkeypatch.setattr(import_module, "_PAUSE_S", 0.0)
    data = csv_of(("email", "origin"), ("ann@example.net", "bounce"), ("lee@example.net", "bounce"))
    assert take(gateway, data) == ["kept", "added"]
    assert [one["origin"] for one in rows(gateway, "suppressions", key="ann@example.net")] == ["complaint"]
    assert count(gateway, "suppression_events") == 1


def _put(gateway: Gateway, values: dict[str, Any]) -> None:
    entry = {
        "id": new_id(),
        "scope": "*",
        "address": values["key"],
        "origin": "manual",
        "reason": "Asked.",
        "source": {},
        "created_at": datetime(2026, 3, 4, tzinfo=UTC),
    }
    with gateway.database.transaction() as connection:
        connection.execute(insert(suppressions).values(entry | values))


def _empty(gateway: Gateway) -> None:
    with gateway.database.transaction() as connection:
        for table in (suppression_events, suppressions, audit):
            connection.execute(delete(table))
