"""Files of suppression lists for tests: rows to import, and the rows read from a file."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from app.domain.apps.callers import Caller
from app.domain.csv_text import written
from app.domain.suppression.files.formats import ListFile, Reading
from app.domain.suppression.files.rows import ListRow, Refused
from app.services.apps.authenticate import operator
from app.services.suppression.files.import_batch import RowResult
from app.services.suppression.files.import_list import How
from app.store.engine.ids import new_id
from app.store.tables.core import suppressions
from app.wiring.gateway import Gateway

ADMIN = operator("tester")
CORPUS = Path(__file__).parents[2] / "corpus" / "lists"


def pieces_of(data: bytes, size: int = 65_536) -> Iterator[bytes]:
    """Yield a file in pieces of `size` bytes."""
    yield from (data[start : start + size] for start in range(0, len(data), size))


def read(data: bytes, *, size: int = 65_536, **how: object) -> list[ListRow | Refused]:
    """Return the rows read from a file, accepted or refused."""
    return list(ListFile(pieces_of(data, size), Reading(**how)))  # type: ignore[arg-type]


def csv_of(*rows: Iterable[str]) -> bytes:
    """Return a file of these rows; the first row names the columns."""
    return written([tuple(row) for row in rows]).encode()


def many(rows: int, *, prefix: str = "person") -> Iterator[bytes]:
    """Yield a file of `rows` different addresses, a thousand per piece."""
    yield b"email,origin,reason,created_at\r\n"
    for start in range(0, rows, 1000):
        lines = (
            f"{prefix}{number}@d{number % 997}.example.net,bounce,550 5.1.1 No such mailbox,2026-03-04T05:06:07Z\r\n"
            for number in range(start, min(start + 1000, rows))
        )
        yield "".join(lines).encode()


def take(
    gateway: Gateway, data: bytes, *, who: Caller = ADMIN, dry_run: bool = False, fresh: bool = False, **how: Any
) -> list[str]:
    """Import a file, and return the verdict on each row, or the rule that it breaks."""
    results: list[RowResult] = []
    gateway.import_list(
        who, pieces_of(data), How(reading=Reading(**how), dry_run=dry_run, fresh=fresh), report=results.extend
    )
    return [one.code or one.verdict.value for one in results]


def export(gateway: Gateway, who: Caller = ADMIN, **which: Any) -> bytes:
    """Return the exported file."""
    return "".join(piece.text for piece in gateway.export_list(who, **which)).encode()


def put(gateway: Gateway, *entries: dict[str, Any]) -> None:
    """Insert entries directly, bypassing all services. All must name the same columns; others get usual values."""
    usual = {
        "scope": "*",
        "origin": "manual",
        "reason": "Asked.",
        "source": {},
        "created_at": datetime(2026, 3, 4, tzinfo=UTC),
    }
    rows = [usual | {"id": new_id(), "address": entry["key"]} | entry for entry in entries]
    with gateway.database.transaction() as connection:
        connection.execute(insert(suppressions), rows)
