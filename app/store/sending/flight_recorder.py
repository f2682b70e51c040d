"""The flight recorder: what this worker process is doing with SES, in a file that outlives it.

A line before a claim, one before each call and one after its answer, without fsync: the page cache survives `kill -9`.
The file is locked while its process lives. A process that gets the lock knows that the writer is gone, or has handed
over its notes, and reads what it left. The only decision made here is how far the notes can be trusted: a missing note
counts as not done only if every note was kept and understood.
"""

import errno
import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import structlog

log = structlog.get_logger()

_SUFFIX: Final = ".flight"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_TORN: Final = object()


class _Note(StrEnum):
    BOOT = "boot"
    CLAIM = "claim"
    START = "start"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """The outcome of a call as given to the recorder: a kind and its texts."""

    kind: str
    texts: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Remains:
    """What a process left: the claims it made, the attempts it started, and the answers it got.

    `whole`: nothing can be missing, so what is not noted was not done. `last_claim` is the only claim whose commit the
    process may not have seen.
    """

    claims: set[UUID] = field(default_factory=set)
    started: set[UUID] = field(default_factory=set)
    answers: dict[UUID, RecordedAnswer] = field(default_factory=dict)
    last_claim: UUID | None = None
    whole: bool = False


class FlightRecorder:
    """The recorder of one process. `claim` comes first, from one thread; the calls that follow may come from any.

    Each method raises `OSError` if the note could not be written whole. Then the noted action must not be done.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory
        self._file: int | None = None
        self._boot = _boot()

    def claim(self, token: UUID) -> None:
        """Note a claim that is about to be made."""
        if self._file is None:
            self._path = self._directory / f"{os.getpid()}-{uuid4().hex}{_SUFFIX}"
            self._file = _open_locked(self._path)
        if os.fstat(self._file).st_size == 0:
            self._write(_Note.BOOT, self._boot)
        self._write(_Note.CLAIM, token)

    def start(self, attempt_id: UUID) -> None:
        """Note a call that is about to begin."""
        self._write(_Note.START, attempt_id)

    def answer(self, attempt_id: UUID, answer: RecordedAnswer) -> None:
        """Note the outcome of a call."""
        self._write(_Note.ANSWER, attempt_id, answer.kind, *answer.texts)

    def forget(self) -> None:
        """Empty the file: everything noted so far is in the database."""
        if self._file is not None:
            os.ftruncate(self._file, 0)

    def hand_over(self) -> None:
        """Leave the notes to crash recovery, as if this process had died. No noted call may be under way."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def close(self) -> None:
        """Close the file. Notes that were not forgotten are handed over."""
        if self._file is not None and os.fstat(self._file).st_size == 0:
            self._path.unlink(missing_ok=True)
        self.hand_over()

    def _write(self, what: str, which: UUID, *more: str) -> None:
        # One write of one line to a file opened for appending is not torn by other threads. The line break comes first,
        # so that a note cut short by a full disk spoils no line after it.
        if self._file is not None:
            line = b"\n" + json.dumps([what, which.hex, *more]).encode()
            if os.write(self._file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _open_locked(path: Path) -> int:
    """The file gets its name only once it is locked: so a starting process is never taken for a dead one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unnamed = path.with_suffix(".starting")
    file = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    unnamed.rename(path)
    return file


def each_of_the_dead(directory: Path, settle: Callable[[Remains], bool]) -> None:
    """Call `settle` with what each dead process has left; its file is deleted if `settle` returns True.

    A file that cannot be read holds up no other. An error of `settle` ends the round and leaves its file.
    """
    for path in sorted(directory.glob(f"*{_SUFFIX}")):
        try:
            _settle_if_dead(path, settle)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("notes_unread", file=path.name, error=type(error).__name__)


def _settle_if_dead(path: Path, settle: Callable[[Remains], bool]) -> None:
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if _is_ours(file) and path.exists() and settle(_read(file)):
            path.unlink()
    finally:
        os.close(file)


def _is_ours(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _boot() -> UUID:
    """The id of this boot of the host; nil where the system does not say."""
    boot_id = _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.exists() else ""
    return _uuid(boot_id) or UUID(int=0)


def _read(file: int) -> Remains:
    """All notes of a file. After a reboot notes may be missing, since they were never synced to the disk."""
    with open(file, "rb", closefd=False) as notes:
        entries = [entry for line in notes.read().split(b"\n") if (entry := _entry(line)) is not _TORN]
    left = Remains()
    understood = [_take(left, entry) for entry in entries]
    left.whole = not entries or (entries[0] == [_Note.BOOT, _boot().hex] and all(understood))
    return left


def _take(left: Remains, entry: Any) -> bool:
    """Add a note. Whether it was understood. A call with an unknown note is assumed to have started."""
    match entry:
        case [str(what), str(which), *more] if (name := _uuid(which)) is not None:
            pass
        case _:
            return False
    match what, more:
        case (_Note.BOOT, []):
            return True
        case (_Note.CLAIM, []):
            left.claims.add(name)
            left.last_claim = name
            return True
        case (_Note.START, []):
            left.started.add(name)
            return True
        case (_Note.ANSWER, [str(kind), *texts]) if all(isinstance(text, str) for text in texts):
            left.answers[name] = RecordedAnswer(kind, tuple(texts))
            return True
    left.started.add(name)
    return False


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _entry(line: bytes) -> Any:
    """The contents of a line. It is torn if the process died or the disk was full while it was written.

    In that case its call had not begun, or has no answer. None if it can be neither read nor be the beginning of a
    note.
    """
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return _TORN if b'["'.startswith(line[:2]) else None
