"""Run the processes of one gateway as children: start them in order, watch them, stop them in reverse order.

The supervisor decides when a child counts as up, what its death means (start it again, or stop everything and show the
end of its log), and how long it may drain. It does not know what a child does. Each child runs under
`orphan_guard.py`, so even `kill -9` of this process ends them all.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn, Self

LEASH = Path(__file__).with_name("orphan_guard.py")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_EVERY_S = 0.05
TAIL_LINES, TAIL_BYTES = 20, 16_384
FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_AFTER_S = 0.5, 10.0, 30.0


class ChildFailed(Exception):
    """A child died or never came up. The text is one line, `tail` the end of the child's log."""

    def __init__(self, name: str, what: str, log: Path) -> None:
        super().__init__(f"{name} {what} (log: {log})")
        self.tail = tail_of(log)


class StopRequested(BaseException):
    """A signal asks for an orderly stop. It is not an `Exception`, since only the supervisor may handle it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One process to run. `ready` is called about 20 times a second until it is true, and must return at once.

    With `restart` the child is started again when it dies after it was up (a Celery worker exits when its broker
    restarts). `grace_s` is how long it may drain after SIGTERM.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    ready: Callable[[], bool] = lambda: True
    ready_within_s: float = 30.0
    restart: bool = False
    grace_s: float = 10.0
    orphan_signal: signal.Signals = signal.SIGKILL


@dataclass(slots=True, kw_only=True)
class Running:
    """A running child: closing the descriptor `leash` kills all that is left of it."""

    child: Child
    process: subprocess.Popen[bytes]
    leash: int
    since: float
    up: bool = False
    pause_s: float = FIRST_PAUSE_S
    again_at: float | None = None


class Supervisor:
    """A context manager for the main thread that runs children by name, and stops them all when the block ends.

    SIGINT, SIGTERM and SIGHUP end the block early, at any point, and `stopped_by` has the signal afterwards. A further
    signal during the stop kills the children that still drain.
    """

    stopped_by: signal.Signals | None = None

    def __init__(self, log_dir: Path, *, announce: Callable[[str], None]) -> None:
        self._log_dir = log_dir
        self._announce = announce
        self._running: dict[str, Running] = {}
        self._previous: dict[signal.Signals, signal.Handlers | Callable[[int, FrameType | None], object] | int | None]
        self._previous = {}
        self._stopping = False
        self._out_of_patience = False

    def __enter__(self) -> Self:
        self._log_dir.mkdir(parents=True, exist_ok=True)
        for number in STOP_SIGNALS:
            self._previous[number] = signal.signal(number, self._on_stop_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, StopRequested):
            self._announce("Stopping: what is on its way is finished first. Once more ends it at once.")
        self.stop()
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        return isinstance(error, StopRequested)

    def start(self, child: Child) -> None:
        """Start one child and wait until it is ready. Raises `ChildFailed` when it dies or is not ready in time."""
        log = self.log_of(child.name)
        log.unlink(missing_ok=True)
        self._running[child.name] = running = self._hold(child)
        while not running.up:
            self.tend()
            if running.process.poll() is not None:
                raise ChildFailed(child.name, f"did not start: it {fate(running.process.returncode)}", log)
            if time.monotonic() > running.since + child.ready_within_s:
                raise ChildFailed(child.name, f"was not ready after {child.ready_within_s:.0f} s", log)
            running.up = child.ready()
            if not running.up:
                time.sleep(LOOK_EVERY_S)

    def tend(self) -> None:
        """Check every child that was up: start a dead one again if it has `restart`, else raise `ChildFailed`."""
        for running in list(self._running.values()):
            if running.up and running.process.poll() is not None:
                self._mend(running)

    def _mend(self, running: Running) -> None:
        child, now = running.child, time.monotonic()
        if not child.restart:
            raise ChildFailed(child.name, fate(running.process.returncode), self.log_of(child.name))
        if running.again_at is None:
            running.again_at = now + running.pause_s
            self._announce(f"{child.name} {fate(running.process.returncode)}; starts again in {running.pause_s:.1f} s")
        elif now >= running.again_at:
            os.close(running.leash)
            steady = running.again_at - running.pause_s - running.since > STEADY_AFTER_S
            self._running[child.name] = again = self._hold(child)
            again.up = True
            again.pause_s = FIRST_PAUSE_S if steady else min(2 * running.pause_s, LONGEST_PAUSE_S)

    def run_until_signal(self) -> NoReturn:
        """Tend the children until a stop signal ends the block; raises `ChildFailed` when one dies for good."""
        while True:
            self.tend()
            time.sleep(4 * LOOK_EVERY_S)

    def stop(self) -> None:
        """End the children in reverse order of their start: SIGTERM, a wait of `grace_s`, then SIGKILL."""
        self._stopping = True
        while self._running:
            _, running = self._running.popitem()
            running.process.terminate()
            deadline = time.monotonic() + running.child.grace_s
            while running.process.poll() is None and time.monotonic() < deadline and not self._out_of_patience:
                time.sleep(LOOK_EVERY_S)
            if running.process.poll() is None:
                self._announce(f"{running.child.name} did not end within {running.child.grace_s:.0f} s and is killed")
            os.close(running.leash)
            running.process.wait()

    def log_of(self, name: str) -> Path:
        """The file that a child's output goes to."""
        return self._log_dir / f"{name}.log"

    def _hold(self, child: Child) -> Running:
        """Start a new process of this child, on a leash."""
        log = os.open(self.log_of(child.name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process, leash = on_leash(child.argv, env=child.env, orphan_signal=child.orphan_signal, log=log)
        finally:
            os.close(log)
        return Running(child=child, process=process, leash=leash, since=time.monotonic())

    def _on_stop_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            self._out_of_patience = True
            return
        self._stopping = True
        self.stopped_by = signal.Signals(number)
        raise StopRequested(self.stopped_by.name)


def on_leash(
    argv: tuple[str, ...],
    *,
    env: Mapping[str, str],
    log: int,
    orphan_signal: signal.Signals = signal.SIGKILL,
    user: tuple[int, int] | None = None,
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a command that ends when the returned descriptor is closed, by this process or because it died.

    `env` is added to this process's environment, `user` is a user and a group id to drop to. The returned process is
    the orphan guard: it passes signals on and exits with the status of the command, 128 + n for a signal n.
    """
    end, leash = os.pipe()
    spec: dict[str, object] = {"leash": end, "command": argv, "orphan_signal": orphan_signal}
    if user is not None:
        spec["user"], spec["group"] = user
    try:
        process = subprocess.Popen(  # noqa: S603 - the commands are our own
            [sys.executable, "-I", "-S", str(LEASH), json.dumps(spec)],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[end],
            start_new_session=True,
        )
    except BaseException:
        os.close(leash)
        raise
    finally:
        os.close(end)
    return process, leash


def fate(status: int) -> str:
    """An exit status in words."""
    number = status - 128 if status > 128 else -status
    if number > 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(number).name}"
    return f"ended with status {status}"


def tail_of(log: Path) -> str:
    """The last lines of a log; empty when there is no log."""
    try:
        with log.open("rb") as end:
            end.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return "\n".join(end.read().decode(errors="replace").splitlines()[-TAIL_LINES:])
    except OSError:
        return ""
