"""Processes that are killed and come back: tied to this process, restarted when they die, frozen and thawed.

It decides like a service manager: a dead process restarts after a moment, unless it is held down.
`tests.chaos.stage.stage` decides which processes there are.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from app.cli.local.children.supervisor import on_leash, tail_of

LOOK_EVERY_S, AGAIN_AFTER_S, UP_WITHIN_S = 0.05, 0.3, 120.0


class NotUp(Exception):
    """A process did not come up; the text names it and has the end of its log."""


@dataclass(kw_only=True)
class Machine:
    """One process with its children, with its production command line."""

    name: str
    argv: tuple[str, ...]
    log: Path
    ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    user: tuple[int, int] | None = None
    orphan_signal: signal.Signals = signal.SIGKILL
    starts: int = 0
    _process: "subprocess.Popen[bytes] | None" = None
    _leash: int = -1
    _held_down: bool = False
    _died_at: float | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> None:
        """Start and wait until it is ready. Raises `NotUp`."""
        self.launch()
        deadline = time.monotonic() + UP_WITHIN_S
        while not self.ready():
            if time.monotonic() > deadline or not self.is_alive():
                raise NotUp(f"{self.name} is not up\n{tail_of(self.log)}")
            time.sleep(LOOK_EVERY_S)

    def launch(self) -> None:
        """Start without waiting."""
        with self._lock:
            self._let_go()
            with self.log.open("ab") as output:
                self._process, self._leash = on_leash(
                    self.argv, env=self.env, log=output.fileno(), orphan_signal=self.orphan_signal, user=self.user
                )
            self.starts += 1
            self._held_down, self._died_at = False, None

    def tend(self) -> None:
        """Restart it if it died at least a moment ago."""
        with self._lock:
            if self._held_down or self._process is None or self._process.poll() is None:
                return
            now = time.monotonic()
            self._died_at = self._died_at or now
            if now - self._died_at >= AGAIN_AFTER_S:
                self.launch()

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def set_environment(self, **variables: str) -> None:
        """Set these environment variables from its next start on."""
        with self._lock:
            self.env = {**self.env, **variables}

    def kill(self, number: signal.Signals = signal.SIGKILL, *, hold_down: bool = False) -> None:
        """Send a signal to the main process; held down, it stays away until `launch`."""
        with self._lock:
            self._held_down = hold_down
            self.signal(number, self.main)

    def stop(self) -> None:
        """End it and all its children for good."""
        with self._lock:
            self._held_down = True
            self._let_go()

    @property
    def main(self) -> list[int]:
        """The main process, if it lives."""
        return children_of(self._process.pid) if self._process is not None and self.is_alive() else []

    @property
    def children(self) -> list[int]:
        """The processes that the main one has started."""
        return [child for main in self.main for child in children_of(main)]

    def signal(self, number: signal.Signals, processes: list[int]) -> None:
        """Send a signal to processes that may have ended by themselves."""
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def _let_go(self) -> None:
        if self._process is None:
            return
        # A frozen process cannot clean up.
        self.signal(signal.SIGCONT, self.main + self.children)
        os.close(self._leash)
        self._process.wait()
        self._process = None


def children_of(process: int) -> list[int]:
    """The children of a process, started by any of its threads; none when it is gone."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


class Keeper:
    """Restarts machines in a thread of its own while the block lasts; then all are stopped, the last one first."""

    def __init__(self) -> None:
        self._machines: list[Machine] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tend, name="keeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()
        for machine in reversed(self._machines):
            machine.stop()

    def start(self, machine: Machine) -> Machine:
        """Start a machine and keep it running."""
        machine.start()
        self._machines.append(machine)
        return machine

    def _tend(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            for machine in self._machines:
                machine.tend()
