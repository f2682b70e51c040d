"""Files of suppression lists for tests: rows to import, and what a file is read as."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from app.domain.callers import Caller
from app.domain.list_files import ListFile, Reading, written
from app.domain.list_rows import ListRow, Refused
from app.services.authenticate import operator
from app.services.import_batch import Told
from app.services.import_list import How
from app.store.ids import new_id
from app.store.models import suppressions
from app.wiring import Gateway

ADMIN = operator("tester")
CORPUS = Path(__file__).parent / "corpus" / "lists"


def pieces_of(data: bytes, size: int = 65_536) -> Iterator[bytes]:
    """A file in pieces of so many bytes."""
    yield from (data[start : start + size] for start in range(0, len(data), size))


def read(data: bytes, *, size: int = 65_536, **how: object) -> list[ListRow | Refused]:
    """What a file is read as."""
    return list(ListFile(pieces_of(data, size), Reading(**how)))  # type: ignore[arg-type]


def csv_of(*rows: Iterable[str]) -> bytes:
    """A file of these rows, the first of which names the columns."""
    return written([tuple(row) for row in rows]).encode()


def many(rows: int, *, prefix: str = "person") -> Iterator[bytes]:
    """A file of so many different addresses, a thousand to a piece."""
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
    """Import a file; the verdict on each row, or the rule that it breaks."""
    told: list[Told] = []
    gateway.import_list(
        who, pieces_of(data), How(reading=Reading(**how), dry_run=dry_run, fresh=fresh), tell=told.extend
    )
    return [one.code or one.verdict.value for one in told]


def export(gateway: Gateway, who: Caller = ADMIN, **which: Any) -> bytes:
    """The file that an export gives out."""
    return "".join(piece.text for piece in gateway.export_list(who, **which)).encode()


def put(gateway: Gateway, *entries: dict[str, Any]) -> None:
    """Put entries on the list past all services; all say the same things, and what is not said is usual."""
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
