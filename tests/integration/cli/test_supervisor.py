"""Real processes under the supervisor: started in order, drained, restarted, and never left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from app.cli.local.children.port_checks import PortInUse, answers, free_port, require_free_port
from app.cli.local.children.supervisor import Child, ChildFailed, Supervisor

PATIENCE_S = 15.0

# Says who it is, starts a grandchild that leaves its process group, and drains for a moment on SIGTERM.
FAMILY = """
import os, signal, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
def drain(*_):
    time.sleep(0.2)
    print("drained", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, drain)
open(sys.argv[1] + ".new", "w").write(f"{os.getpid()} {grandchild.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""

# Adds its name to a file when it is stopped.
LAST_WORD = """
import signal, sys, time
from pathlib import Path
def end(*_):
    with open(sys.argv[1], "a") as order:
        order.write(sys.argv[2])
    sys.exit()
signal.signal(signal.SIGTERM, end)
Path(sys.argv[3]).touch()
time.sleep(600)
"""

SUPERVISOR = """
import sys
from pathlib import Path
from app.cli.local.children.supervisor import Child, Supervisor
directory = Path(sys.argv[1])
pids = directory / "pids"
child = Child(name="family", argv=(sys.executable, "-c", sys.argv[2], str(pids)), ready=pids.exists)
with Supervisor(directory / "logs", announce=print) as supervisor:
    supervisor.start(child)
    print("ready", flush=True)
    supervisor.run_until_signal()
print("stopped", flush=True)
"""


def python(source: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", source, *arguments)


def lives(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
        return sys.platform != "linux" or Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def supervisor(tmp_path: Path) -> Supervisor:
    return Supervisor(tmp_path / "logs", announce=print)


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    """The file where a child writes its process id and its grandchild's."""
    return tmp_path / "pids"


def start_outside(tmp_path: Path) -> tuple["subprocess.Popen[str]", list[int]]:
    """A supervisor in a process of its own, up and running, and the ids of its child and grandchild."""
    process = subprocess.Popen(python(SUPERVISOR, str(tmp_path), FAMILY), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process, [int(pid) for pid in (tmp_path / "pids").read_text().split()]


def test_nothing_survives_the_supervisor_being_killed(tmp_path: Path) -> None:
    """After kill -9 the child and its grandchild in another session are gone."""
    process, family = start_outside(tmp_path)
    with process:
        process.kill()
    wait_for(lambda: not any(lives(pid) for pid in family))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_drains_and_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    """It says so, its child drains, the grandchild that stayed is gone too, and it ends with 0."""
    process, family = start_outside(tmp_path)
    with process:
        process.send_signal(number)
        assert process.stdout is not None
        said = process.stdout.read().splitlines()
    assert (said[0].partition(":")[0], said[1:]) == ("Stopping", ["stopped"])
    assert process.returncode == 0
    assert "drained" in (tmp_path / "logs" / "family.log").read_text()
    assert not any(lives(pid) for pid in family)


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    """Killing the process that holds the child kills the child, where the kernel guarantees it."""
    if sys.platform != "linux":
        assert not hasattr(signal, "SIGPWR"), "only Linux has PR_SET_PDEATHSIG"
        return
    process, (child, _) = start_outside(tmp_path)
    with process:
        leash = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1]
        os.kill(int(leash), signal.SIGKILL)
        wait_for(lambda: not lives(child))
        assert process.wait(PATIENCE_S) == 1
        assert process.stdout is not None
        process.stdout.read()


def test_children_stop_in_reverse_order(supervisor: Supervisor, tmp_path: Path) -> None:
    """The last one started, which may need the others, stops first."""
    with supervisor:
        for name in "abc":
            up = tmp_path / name
            argv = python(LAST_WORD, str(tmp_path / "order"), name, str(up))
            supervisor.start(Child(name=name, argv=argv, ready=up.exists))
    assert (tmp_path / "order").read_text() == "cba"


def test_a_child_that_will_not_drain_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    """SIGTERM waits only as long as the grace period."""
    up = tmp_path / "up"
    deaf = "import signal, sys, time, pathlib; signal.signal(15, signal.SIG_IGN); pathlib.Path(sys.argv[1]).touch()"
    with supervisor:
        supervisor.start(
            Child(name="deaf", argv=python(f"{deaf}; time.sleep(600)", str(up)), ready=up.exists, grace_s=0.3)
        )
        began = time.monotonic()
    assert 0.3 <= time.monotonic() - began < PATIENCE_S


def test_a_death_is_reported_with_the_end_of_the_log(supervisor: Supervisor) -> None:
    """A child that may not be restarted ends the run, and the end of its log is shown."""
    dying = "import time; print('spoke its last words', flush=True); time.sleep(0.3); raise SystemExit(7)"
    with supervisor:
        supervisor.start(Child(name="web", argv=python(dying)))
        with pytest.raises(ChildFailed, match=r"^web ended with status 7 \(log: .*web\.log\)$") as failed:
            supervisor.run_until_signal()
    assert failed.value.tail == "spoke its last words"


def test_a_child_killed_by_a_signal_is_reported_with_its_name(supervisor: Supervisor) -> None:
    """The name of the signal says more than its number."""
    with supervisor:
        supervisor.start(Child(name="web", argv=python("import os, time; time.sleep(0.3); os.kill(os.getpid(), 9)")))
        with pytest.raises(ChildFailed, match="was ended by SIGKILL"):
            supervisor.run_until_signal()


def test_a_child_that_dies_before_it_is_ready_fails_the_start(supervisor: Supervisor) -> None:
    """Even one that may be restarted has to come up once."""
    with supervisor, pytest.raises(ChildFailed, match="did not start: it ended with status 127"):
        supervisor.start(Child(name="worker", argv=("/nonexistent/program",), ready=lambda: False, restart=True))


def test_a_child_that_never_gets_ready_fails_the_start(supervisor: Supervisor) -> None:
    """A start has a time limit."""
    sleeper = python("import time; time.sleep(600)")
    with supervisor, pytest.raises(ChildFailed, match="was not ready after 0 s"):
        supervisor.start(Child(name="web", argv=sleeper, ready=lambda: False, ready_within_s=0.2))


def test_a_child_that_may_be_restarted_is_restarted(supervisor: Supervisor, pids: Path) -> None:
    """Its death does not end the run; a new process replaces it."""
    with supervisor:
        supervisor.start(Child(name="worker", argv=python(FAMILY, str(pids)), ready=pids.exists, restart=True))
        first = pids.read_text()
        os.kill(int(first.split()[0]), signal.SIGKILL)

        def replaced() -> bool:
            supervisor.tend()
            return pids.read_text() != first

        wait_for(replaced)
        second = pids.read_text()
        assert all(lives(int(pid)) for pid in second.split())
    assert not any(lives(int(pid)) for pid in f"{first} {second}".split())


def test_a_second_signal_ends_the_wait(tmp_path: Path) -> None:
    """Ctrl-C twice does not wait for a child that drains for ever."""
    deaf = FAMILY.replace("time.sleep(0.2)", "time.sleep(600)")
    process = subprocess.Popen(python(SUPERVISOR, str(tmp_path), deaf), stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout.read().endswith("stopped\n")
    assert process.returncode == 0
    assert time.monotonic() - began < 5


def test_a_port_in_use_is_reported_in_one_line() -> None:
    """Before anything starts, with advice."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(
            PortInUse, match=rf"^cannot listen on 127\.0\.0\.1:{port}, .*: pass --port with a free one$"
        ):
            require_free_port("127.0.0.1", port)
    require_free_port("127.0.0.1", port)


def test_readiness_by_http_is_checked_at_the_server_itself(supervisor: Supervisor) -> None:
    """A server that is not up yet is no error, only not ready."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    assert not answers(url)
    with supervisor:
        argv = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
        supervisor.start(Child(name="web", argv=argv, ready=partial(answers, url)))
        assert answers(url)
        assert not answers(f"{url}nothing-here")
