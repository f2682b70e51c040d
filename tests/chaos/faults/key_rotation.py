"""A rotation of SECRET_KEYS during a drill: web, SMTP door, worker and beat get each phase one after the other.

It decides which process restarts when. No phase begins before all processes have the one before it. The last phase
begins when `postern secret check` says that the old key may go, as it would for an operator.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from app.services.operating.key_rotation import new_key
from tests.chaos.load.journal import Journal
from tests.chaos.stage.machines import Machine, NotUp
from tests.chaos.stage.stage import Stage

PROCESSES = ("web", "smtp", "worker", "beat")
GRACE_S, WITHIN_S, LOOK_EVERY_S, COMMAND_S, BETWEEN_COMMANDS_S = 3.0, 240.0, 0.1, 120.0, 1.0


class Keys:
    """Changes the keys of a gateway on its stage."""

    def __init__(self, stage: Stage, journal: Journal, dice: random.Random) -> None:
        self._stage = stage
        self._journal = journal
        self._dice = dice
        self._key = stage.secret_key
        self._turn = threading.Lock()
        self._over = threading.Event()

    def begin(self, *, lasts: float, at_once: bool) -> "Rotating":
        """Begin a rotation of about this length; `at_once` skips the phase in which NEW can only be read."""
        return Rotating(lambda: self._rotate(lasts, at_once=at_once))

    def stop(self) -> None:
        """End a running rotation before its next step."""
        self._over.set()

    def _rotate(self, lasts: float, *, at_once: bool) -> None:
        with self._turn:
            old, new = self._key, new_key()
            phases = [f"{new},{old}"] if at_once else [f"{old},{new}", f"{new},{old}"]
            pause = lasts / (len(PROCESSES) * (len(phases) + 1))
            if at_once:
                self._give_web_first(phases[0], pause)
            for ring in phases:
                self._give_to_all(ring, pause)
            self._finish(phases[-1])
            self._give_to_all(new, pause)
            self._key = new

    def _give_web_first(self, ring: str, pause: float) -> None:
        """For a while the web process seals with a key that no worker has."""
        web = self._stage.machines["web"]
        self._give(web, ring)
        self._wait(web.ready, "web answers again")
        self._over.wait(2 * pause)

    def _give_to_all(self, ring: str, pause: float) -> None:
        """In any order, at any moment, draining or in the middle of their work."""
        self._journal.write("keys", ring=ring.count(",") + 1)
        for name in self._dice.sample(PROCESSES, len(PROCESSES)):
            self._over.wait(self._dice.uniform(0, pause))
            if not self._over.is_set():
                self._give(self._stage.machines[name], ring)
        for name in ("web", "worker"):
            self._wait(partial(_works, self._stage.machines[name]), f"{name} works again")

    def _give(self, machine: Machine, ring: str) -> None:
        """Another fault may hit the process meanwhile: it only counts that it was started with the new ring."""
        machine.set_environment(SECRET_KEYS=ring)
        before = machine.starts
        machine.kill(self._dice.choice([signal.SIGTERM, signal.SIGKILL]))
        deadline = time.monotonic() + GRACE_S
        while machine.starts == before and time.monotonic() < deadline and not self._over.is_set():
            time.sleep(LOOK_EVERY_S)
        if machine.starts == before:
            machine.kill()
        self._wait(lambda: machine.starts > before, f"{machine.name} is started again")

    def _finish(self, ring: str) -> None:
        """Reseal until nothing is under an older key; the database may be away meanwhile."""
        deadline = time.monotonic() + WITHIN_S
        answered: list[str] = []
        while not self._over.is_set():
            for verb in ("reseal", "check"):
                status, answer = self._run(verb, ring)
                answered.append(f"{verb} {status}: {answer}")
            if status == 0:
                return
            if time.monotonic() > deadline:
                raise NotUp("the rotation did not come to an end\n" + "\n".join(answered[-6:]))
            self._over.wait(BETWEEN_COMMANDS_S)

    def _run(self, verb: str, ring: str) -> tuple[int, Any]:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "app.cli", "secret", verb, "--json"],
            cwd=self._stage.root,
            env={**os.environ, "SECRET_KEYS": ring},
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        lines = done.stdout.splitlines()
        return done.returncode, json.loads(lines[-1]) if lines else done.stderr[-500:]

    def _wait(self, look: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not look() and not self._over.is_set():
            if time.monotonic() > deadline:
                raise NotUp(f"waited in vain until {what}")
            time.sleep(LOOK_EVERY_S)


def _works(machine: Machine) -> bool:
    return bool(machine.children)


class Rotating:
    """One rotation, in a thread of its own."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._thread = threading.Thread(target=self._run, name="rotation", daemon=True)
        self._failure: Exception | None = None
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether it has ended. Raises the error that stopped it."""
        if self._failure is not None:
            raise self._failure
        return not self._thread.is_alive()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as failure:  # noqa: BLE001 - raised again by the caller's next check
            self._failure = failure
