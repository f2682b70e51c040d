"""Memory of processes, read from the kernel (Linux only): resident size, and proportional share of shared pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.measure.cpu import Process, descendants

_ROLES: Final = ("web", "smtp", "worker", "beat", "database", "redis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """One process, in kB: `rss` is its resident size; `pss` counts a page that N processes share as one Nth.

    `role` is its kind; a `main` process started the others of its kind and serves no requests itself.
    """

    pid: int
    role: str
    main: bool
    rss: int
    pss: int

    @property
    def name(self) -> str:
        """Return its name in the report."""
        return f"{self.role}, main" if self.main else self.role


def resident(roles: Sequence[str] = _ROLES) -> list[Resident]:
    """Return the processes of a benchmark with one of these roles."""
    return [one for one in _all(descendants()) if one.role in roles]


def _all(processes: list[Process]) -> Iterator[Resident]:
    kinds = {one.pid: one.kind for one in processes}
    parents = {one.parent for one in processes}
    for one in processes:
        if (sizes := _sizes(one.pid)) is None:
            continue
        main = kinds.get(one.parent) != one.kind and one.pid in parents
        role = "beat" if one.kind == "worker" and _is_beat(one.pid) else one.kind
        yield Resident(pid=one.pid, role=role, main=main, rss=sizes["Rss"], pss=sizes["Pss"])


def _sizes(pid: int) -> dict[str, int] | None:
    """Return the fields of /proc/PID/smaps_rollup (proc(5)) in kB; None when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return {name: int(size.split()[0]) for name, _, size in (line.partition(":") for line in lines)}


def _is_beat(pid: int) -> bool:
    try:
        return b"\0beat\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
