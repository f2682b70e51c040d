"""The machine that a benchmark runs on, and how much CPU other processes took meanwhile."""

import os
import platform
import time
from pathlib import Path
from typing import Final

_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_IDLE: Final = slice(3, 5)
_ALL: Final = slice(0, 8)
"""The fields of the line `cpu` of /proc/stat (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal."""


class Machine:
    """Make it when a benchmark begins; call `others` when all processes of the benchmark have ended."""

    def __init__(self) -> None:
        self.name = f"{os.cpu_count()} cores, {_model()}, Python {platform.python_version()}"
        self._began, self._busy, self._ours = time.monotonic(), _busy(), _ours()

    @property
    def others(self) -> float:
        """Return the share of all cores that processes not of the benchmark, and the host itself, took since."""
        seconds = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        return max(0.0, (_busy() - self._busy) - (_ours() - self._ours)) / seconds


def _model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _busy() -> float:
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(ticks[_ALL]) - sum(ticks[_IDLE])) * _TICK_S


def _ours() -> float:
    """Return the CPU of this process and of all children that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
