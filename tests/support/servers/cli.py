"""The command line as the tests run it: as processes of their own, as a person would in two terminals."""

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

from config import Settings

CHECKOUT = Path(__file__).resolve().parents[1]
PATIENCE_S = 180.0
Found = TypeVar("Found")
Json = dict[str, Any]


def surroundings(**more: str) -> dict[str, str]:
    """The environment of a command: this one without any setting of ours or AWS's, and `more`."""
    ours = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("AWS_")}
    return kept | {"PYTHONPATH": str(CHECKOUT), "COLUMNS": "160"} | more


def command(*words: str) -> list[str]:
    """The command line that `./postern` becomes."""
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
    """The JSON object in the last line."""
    told = json.loads(output.splitlines()[-1])
    assert isinstance(told, dict)
    return told


def until(look: Callable[[], Found]) -> Found:
    """What `look` finds as soon as that is true; the test fails when the patience is over."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


@dataclass
class Up:
    """A running `postern up`, and its API."""

    process: "subprocess.Popen[str]"
    ready: dict[str, str]
    directory: Path
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=PATIENCE_S))

    def call(self, method: str, path: str, body: Any = None) -> Json:
        """The JSON that the API answers, which must agree."""
        content = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {self.ready['api_key']}", "Content-Type": "application/json"}
        answer = self.pool.request(method, self.ready["url"] + path, body=content, headers=headers)
        assert answer.status == 200, answer.data
        told: Json = answer.json()
        return told

    def submit(self, to: str) -> str:
        """Hand in a mail and return its id."""
        mail = {"from": self.ready["from"], "to": [to], "subject": "You are invited", "text": "Do come."}
        return str(self.call("POST", "/v1/emails", mail)["id"])

    def state(self, email_id: str) -> str:
        """Where the mail to its only recipient stands."""
        return str(self.call("GET", f"/v1/emails/{email_id}")["recipients"][0]["state"])

    def arrives(self, email_id: str) -> None:
        """Wait until the mail is delivered."""
        until(lambda: self.state(email_id) == "delivered")

    def stop(self, number: signal.Signals = signal.SIGINT) -> str:
        """Send a signal, wait for the end, and return what was said on standard error."""
        self.process.send_signal(number)
        _, told = self.process.communicate(timeout=PATIENCE_S)
        return told


@contextmanager
def up(directory: Path, **environment: str) -> Iterator[Up]:
    """`postern up` in a directory, ready; its data is in `data` there. Killed at the end if it still runs."""
    ready = directory / "data" / "ready.json"
    process = subprocess.Popen(
        command("up", "--port", "0", "--simulator-port", "0"),
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
    """The ids of all processes below this one."""
    parents = dict(_parents())
    found: set[int] = set()
    while more := {child for child, its_parent in parents.items() if its_parent in found | {parent}} - found:
        found |= more
    return found


def words_of(process: int) -> str:
    """The command line of a process, empty when it is gone."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    except OSError:
        shown = subprocess.run(["ps", "-o", "args=", "-p", str(process)], capture_output=True, text=True, check=False)
        return shown.stdout


def member(parent: int, *, called: str) -> int:
    """The process of this part of `up`: the outermost one below its leash."""
    parents = dict(_parents())
    below = family(parent)
    parts = {one for one in below if called in words_of(one) and "leash.py" not in words_of(one)}
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
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        os.kill(process, 0)
        return sys.platform != "linux" or Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def settings_of(directory: Path) -> Mapping[str, str]:
    """What the parts of the gateway below this directory were told."""
    told: Mapping[str, str] = json.loads((directory / "data" / "environment.json").read_text())
    return told
