"""The command line as separate processes, as a person would run it in two terminals."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import urllib3

from config import ENV_FILE, Settings

CHECKOUT = Path(__file__).resolve().parents[3]
PATIENCE_S = 180.0
Found = TypeVar("Found")
Json = dict[str, Any]


def surroundings(**more: str) -> dict[str, str]:
    """Return the environment of a command: ours without Postern's settings, plus `more`.

    The command also reads the `.env` of its directory. Variables of AWS, PostgreSQL and Celery were removed from our
    environment before the first test.
    """
    ours = {name.upper() for name in Settings.model_fields} | {ENV_FILE}
    theirs = ("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION", "AWS_ENDPOINT", "AWS_REGION")
    kept = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith(theirs)}
    return kept | {"PYTHONPATH": str(CHECKOUT), "COLUMNS": "160"} | more


def command(*words: str) -> list[str]:
    """Return the command line that `./postern` runs."""
    return [sys.executable, "-P", "-m", "app.cli", *words]


def postern(*words: str, cwd: Path, stdin: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        command(*words),
        cwd=cwd,
        env=surroundings(**environment),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def last_object(output: str) -> Json:
    """Return the JSON object in the last line."""
    result = json.loads(output.splitlines()[-1])
    assert isinstance(result, dict)
    return result


def until(look: Callable[[], Found]) -> Found:
    """Return the result of `look` as soon as it is true; fail the test after a while."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


@dataclass
class Up:
    """A running `postern up`, and its API."""

    process: "subprocess.Popen[str]"
    ready: Json
    directory: Path
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=PATIENCE_S))

    def call(self, method: str, path: str, body: Any = None) -> Json:
        """Call the API, which must succeed, and return its JSON."""
        content = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {self.ready['api_key']}", "Content-Type": "application/json"}
        answer = self.pool.request(method, self.ready["url"] + path, body=content, headers=headers)
        assert answer.status == 200, answer.data
        answered: Json = answer.json()
        return answered

    def submit(self, to: str) -> str:
        """Submit an email and return its id."""
        email = {"from": self.ready["from"], "to": [to], "subject": "You are invited", "text": "Do come."}
        return str(self.call("POST", "/v1/emails", email)["id"])

    def state(self, email_id: str) -> str:
        """Return the state of the email's only recipient."""
        return str(self.call("GET", f"/v1/emails/{email_id}")["recipients"][0]["state"])

    def arrives(self, email_id: str) -> None:
        """Wait until the email is delivered."""
        until(lambda: self.state(email_id) == "delivered")

    def stop(self, number: signal.Signals = signal.SIGINT) -> str:
        """Send a signal, wait for the end, and return the standard error."""
        self.process.send_signal(number)
        _, answered = self.process.communicate(timeout=PATIENCE_S)
        return answered


@contextmanager
def up(directory: Path, *words: str, data: str = "data", **environment: str) -> Iterator[Up]:
    """Run `postern up` in a directory, ready; its data is in `data` there. It is killed at the end of the block."""
    ready = directory / data / "ready.json"
    process = subprocess.Popen(
        command("up", "--port", "0", "--simulator-port", "0", "--smtp-port", "0", *words),
        cwd=directory,
        env=surroundings(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: ready.exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        yield Up(process, json.loads(ready.read_text()), directory)
    finally:
        if process.poll() is None:
            process.kill()
        with suppress(ValueError):
            process.communicate()


def family(parent: int) -> set[int]:
    """Return the ids of all descendants of this process."""
    parents = dict(_parents())
    found: set[int] = set()
    while more := {child for child, its_parent in parents.items() if its_parent in found | {parent}} - found:
        found |= more
    return found


def words_of(process: int) -> str:
    """Return the command line of a process, empty when it is gone."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    except OSError:
        shown = subprocess.run(["ps", "-o", "args=", "-p", str(process)], capture_output=True, text=True, check=False)
        return shown.stdout


def member(parent: int, *, called: str) -> int:
    """Return the process of this part of `up`: the outermost one below its leash."""
    parents = dict(_parents())
    below = family(parent)
    parts = {one for one in below if called in words_of(one) and "orphan_guard.py" not in words_of(one)}
    (outermost,) = {one for one in parts if parents[one] not in parts}
    return outermost


def _parents() -> Iterator[tuple[int, int]]:
    if sys.platform != "linux":
        listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True)
        yield from (tuple(map(int, line.split())) for line in listed.stdout.splitlines())  # type: ignore[misc]
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                yield int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])


def lives(process: int) -> bool:
    """Return whether the process runs; a zombie does not."""
    try:
        os.kill(process, 0)
        return sys.platform != "linux" or Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def settings_of(directory: Path) -> Mapping[str, str]:
    """Return the settings of the parts of the gateway in this directory."""
    settings: Mapping[str, str] = json.loads((directory / "data" / "environment.json").read_text())
    return settings
