"""Files of suppression lists for tests: rows to import, and what a file is read as."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from app.domain.list_files import ListFile, Reading, written
from app.domain.list_rows import ListRow, Refused

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
