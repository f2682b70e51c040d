"""CPU time by kind of process, read from the kernel (Linux only): the cost of an email in all processes."""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat after the command's name (proc(5)): parent, own time, time of children that were waited for.
_PARENT, _TIMES = 1, slice(11, 15)
_KINDS = {
    "worker.celery": "worker",
    "worker.beat": "worker",
    "tutorial.worker": "worker",
    "django.worker": "worker",
    "postgres": "database",
    "valkey": "redis",
    "gunicorn": "web",
    "app.smtp": "smtp",
    "bench.stage.ses_standin": "standin",
}


def spent_by_kind() -> dict[str, float]:
    """Return the user and system CPU seconds of the processes that descend from this one, by kind."""
    spent: dict[str, float] = defaultdict(float)
    for one in descendants():
        spent[one.kind] += one.cpu_s
    return spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process that descends from this one, and the CPU seconds of it and its dead children."""

    pid: int
    parent: int
    kind: str
    cpu_s: float


def descendants() -> list[Process]:
    """Return all processes that descend from this one."""
    table = {pid: fields for pid in _pids() if (fields := _stat(pid)) is not None}
    ours: set[int] = set()
    while more := {pid for pid, fields in table.items() if int(fields[_PARENT]) in ours | {os.getpid()}} - ours:
        ours |= more
    return [_process(pid, table[pid]) for pid in sorted(ours)]


def _process(pid: int, fields: list[str]) -> Process:
    cpu_s = sum(int(ticks) for ticks in fields[_TIMES]) * _TICK_S
    return Process(pid=pid, parent=int(fields[_PARENT]), kind=_kind(pid), cpu_s=cpu_s)


def _kind(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
    if "leash" in words:
        return "leash"
    return next((kind for sign, kind in _KINDS.items() if sign in words), "other")


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()
