"""The files of an archive: for each day one of JSON lines in gzip, and its manifest.

A part is what one transaction deletes: one member of the gzip file (RFC 1952 allows several), and one line of the
manifest with its place, its counts and its SHA-256. The part is on the disk before its line is written, and its line is
before the transaction commits. So what is behind the last whole line was never deleted, and is cut off.
"""

import fcntl
import gzip
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from app.domain.errors import Conflict

_DATA: Final = ".jsonl.gz"
_MANIFEST: Final = ".manifest.jsonl"
_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One line of a manifest: the bytes from `start` to `end` of the file, their hash, and how many rows they hold."""

    start: int
    end: int
    sha256: str
    emails: int
    recipients: int
    attempts: int
    events: int


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the archive for one process; make it if there is none. Raises `Conflict` when another process holds it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _opened(directory / ".lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("Another process writes to this archive.") from error
        yield


def days(directory: Path) -> list[str]:
    """The days in the archive, also those with only one of their two files."""
    names = {path.name for path in directory.iterdir()}
    return sorted({name.removesuffix(end) for name in names for end in (_DATA, _MANIFEST) if name.endswith(end)})


class DayFile:
    """The two files of one day."""

    def __init__(self, directory: Path, day: str) -> None:
        self._directory = directory
        self._data, self._manifest = directory / f"{day}{_DATA}", directory / f"{day}{_MANIFEST}"

    def parts(self) -> list[Part]:
        """The parts that the manifest has; a last line that is not whole is none."""
        if not self._manifest.exists():
            return []
        lines = self._manifest.read_bytes().split(b"\n")[:-1]
        return [Part(**json.loads(line)) for line in lines]

    def ids_of(self, part: Part) -> list[str]:
        """The ids of the emails in a part."""
        return [json.loads(line)["id"] for line in gzip.decompress(self._bytes(part)).splitlines()]

    def keep(self, parts: Sequence[Part]) -> None:
        """Keep these first parts of the file, and cut off the rest."""
        with _opened(self._manifest) as manifest:
            lines = manifest.read().split(b"\n")[: len(parts)]
            manifest.truncate(sum(len(line) + 1 for line in lines))
            _to_disk(manifest)
        with _opened(self._data) as data:
            data.truncate(parts[-1].end if parts else 0)
            _to_disk(data)

    def append(self, emails: Sequence[dict[str, Any]]) -> Part:
        """Write a part with these emails, to the disk."""
        lines = "".join(json.dumps(one, default=_text, ensure_ascii=False) + "\n" for one in emails)
        member = gzip.compress(lines.encode(), mtime=0)
        people = [person for one in emails for person in one["recipients"]]
        with _opened(self._data) as data:
            start = data.seek(0, os.SEEK_END)
            data.write(member)
            _to_disk(data)
        part = Part(
            start=start,
            end=start + len(member),
            sha256=hashlib.sha256(member).hexdigest(),
            emails=len(emails),
            recipients=len(people),
            attempts=sum(len(person["calls"]) for person in people),
            events=sum(len(person["events"]) for person in people),
        )
        with _opened(self._manifest) as manifest:
            manifest.seek(0, os.SEEK_END)
            manifest.write(json.dumps(asdict(part)).encode() + b"\n")
            _to_disk(manifest)
        _names_to_disk(self._directory)
        return part

    def fault(self) -> str | None:
        """What is wrong with the files, or None: every byte is checked by the hashes of the manifest."""
        if not self._data.exists() or not self._manifest.exists():
            return "one of the two files is missing"
        end = 0
        for number, part in enumerate(self.parts(), start=1):
            if part.start != end or hashlib.sha256(self._bytes(part)).hexdigest() != part.sha256:
                return f"part {number} is not as it was written"
            if len(self.ids_of(part)) != part.emails:
                return f"part {number} has another number of emails"
            end = part.end
        return None if self._data.stat().st_size == end else "the file has bytes that the manifest does not know"

    def _bytes(self, part: Part) -> bytes:
        with self._data.open("rb") as data:
            data.seek(part.start)
            return data.read(part.end - part.start)


def _opened(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY), "r+b")


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _names_to_disk(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
