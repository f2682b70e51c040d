"""The list out of the gateway, on both databases: which rows each caller sees, and that an import restores it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from app.domain.suppression.rules import TERMS, Origin
from app.store.tables.core import audit, suppression_events, suppressions
from app.wiring.gateway import Gateway
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import rows
from tests.support.suppression.list_files import ADMIN, export, put, take

COMPARED = ("key", "scope", "address", "origin", "reason", "created_at", "expires_at")


def test_an_export_shows_each_caller_its_own_rows(gateway: Gateway) -> None:
    """An application sees `*` and its own; an administrator all, with evidence; no one a forgotten address."""
    for scope in ("*", "shop", "shop/news", "shopping/news", "other"):
        put(
            gateway,
            {"key": f"x.{scope.replace('/', '.').replace('*', 'all')}@example.net", "scope": scope, "source": {"n": 1}},
        )
    for name, origin in (("#f2ca1bb6c7e907d06dafe4", "erasure"), ("#5e1e6b0f7c3a4f1d9b2c8a", "bounce")):
        put(gateway, {"key": name, "origin": origin})
    attempt = export(gateway, caller(gateway, app="shop")).decode().splitlines()[1:]
    assert [line.split(",")[1] for line in attempt] == ["*", "shop", "shop/news"]
    assert all(line.endswith(",") for line in attempt)
    everything = export(gateway).decode().splitlines()[1:]
    assert [line.split(",")[1] for line in everything] == ["*", "shop", "shop/news", "shopping/news", "other"]
    assert all(line.endswith('"{""n"":1}"') for line in everything)
    assert len(export(gateway, scope="other").splitlines()) == 2
    assert len(export(gateway, origin="complaint").splitlines()) == 1


def test_an_export_reads_on_past_rows_that_do_not_match(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces are pieces of the table: a filter that few rows match still reads one piece at a time."""
    monkeypatch.setattr("app.services.suppression.files.export_list.PIECE", 3)
    for number in range(10):
        put(gateway, {"key": f"p{number}@example.net", "scope": "shop" if number in {0, 2, 4, 9} else "*"})
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
    """Every name, scope, origin, reason, time and end, with any characters in them."""
    _empty(gateway)
    for key, scope, origin, reason, created, ends in entries:
        put(
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


def live(gateway: Gateway) -> list[tuple[Any, ...]]:
    entries = rows(gateway, "suppressions", removed_at=None)
    return sorted(tuple(entry[name] for name in COMPARED) for entry in entries)


def _empty(gateway: Gateway) -> None:
    with gateway.database.transaction() as connection:
        for table in (suppression_events, suppressions, audit):
            connection.execute(delete(table))
