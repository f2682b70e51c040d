"""The flight recorder: what this worker process is doing with SES, on a file that outlives it.

A line before a claim, one before each call and one after its answer, without fsync: the page cache survives `kill -9`.
The file is locked while its process lives; whoever gets the lock knows that the process is gone, and reads what it
left. It decides nothing.
"""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

_SUFFIX = ".flight"
_CLAIM, _START, _ANSWER = "claim", "start", "answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to, as the recorder was given it: a kind, and the texts that belong to it."""

    kind: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remains:
    """What a dead process left: the claims it made, the attempts it started, and the answers that it got."""

    claims: set[UUID] = field(default_factory=set)
    started: set[UUID] = field(default_factory=set)
    answers: dict[UUID, Answer] = field(default_factory=dict)


class FlightRecorder:
    """The recorder of one process. `claim` comes first, from one thread; the calls that follow may come from any.

    Each raises `OSError` for what could not be noted whole: then it must not be done.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / f"{os.getpid()}-{uuid4().hex}{_SUFFIX}"
        self._file: int | None = None

    def claim(self, token: UUID) -> None:
        """Note a claim that is about to be made."""
        if self._file is None:
            self._file = _open_locked(self._path)
        self._write(_CLAIM, token)

    def start(self, attempt_id: UUID) -> None:
        """Note a call that is about to begin."""
        self._write(_START, attempt_id)

    def answer(self, attempt_id: UUID, answer: Answer) -> None:
        """Note what a call came to."""
        self._write(_ANSWER, attempt_id, answer.kind, *answer.texts)

    def forget(self) -> None:
        """Begin anew: everything noted so far is in the database."""
        if self._file is not None:
            os.ftruncate(self._file, 0)

    def close(self) -> None:
        """End without remains."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _write(self, what: str, which: UUID, *more: str) -> None:
        # One write of one line on a file opened for appending is not torn by other threads. The line break comes first,
        # so that what a full disk has cut short spoils no line after it.
        if self._file is not None:
            line = b"\n" + json.dumps([what, which.hex, *more]).encode()
            if os.write(self._file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _open_locked(path: Path) -> int:
    """The file gets its name only once it is locked: nobody may take a process that is starting for a dead one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unnamed = path.with_suffix(".starting")
    file = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    unnamed.rename(path)
    return file


def remains(directory: Path) -> Iterator[Remains]:
    """What processes that are gone have left; each file is deleted once the caller comes back for the next."""
    for path in sorted(directory.glob(f"*{_SUFFIX}")):
        with suppress(FileNotFoundError):
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                if _is_ours(file) and path.exists():
                    yield _read(path)
                    path.unlink()
            finally:
                os.close(file)


def _is_ours(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> Remains:
    left = Remains()
    for line in path.read_bytes().splitlines():
        entry = _entry(line)
        match entry:
            case [str(what), str(which)] if what == _CLAIM:
                left.claims.add(UUID(which))
            case [str(what), str(which)] if what == _START:
                left.started.add(UUID(which))
            case [str(what), str(which), str(kind), *texts] if what == _ANSWER:
                left.answers[UUID(which)] = Answer(kind, tuple(texts))
    return left


def _entry(line: bytes) -> Any:
    """A line, or None when the process died while writing it: then its call had not begun, or has no answer."""
    try:
        return json.loads(line)
    except ValueError:
        return None
