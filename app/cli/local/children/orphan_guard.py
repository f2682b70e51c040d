"""Run one command on a leash: when the process that holds the other end of a pipe dies, the command is killed too.

Run by path as a program: `orphan_guard.py SPEC`. SPEC is JSON with `leash` (the read end of a pipe that is never
written to), `command`, and optionally `user` and `group` (ids to drop to) and `orphan_signal` (sent first when the pipe
closes, for programs that must tidy up; SIGKILL follows). The guard never restarts the command, and never writes to its
output. It uses the standard library only, since it runs before anything else can be relied on.

The command leads a process group of its own. On Linux the guard also adopts processes that leave the group, so that a
grandchild in a session of its own ends as well, and the command dies if the guard itself is killed.
"""

import ctypes
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
COULD_NOT_EXECUTE = 127
TIDY_UP_S = 5.0
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def main(spec: dict[str, Any]) -> int:
    """Run the command until it ends or the pipe closes. Returns its exit status, 128 + n for a signal n."""
    leash = int(spec["leash"])
    os.set_inheritable(leash, False)
    process_control(PR_SET_CHILD_SUBREAPER, 1)
    wake_up, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    process = start(spec)
    for number in FORWARDED:
        signal.signal(number, lambda number, _frame: send(process, number))
    while True:
        readable, _, _ = select.select([leash, wake_up], [], [])
        if leash in readable:
            end_orphan(process, signal.Signals(spec.get("orphan_signal", signal.SIGKILL)))
            return 128 + signal.SIGKILL
        os.read(wake_up, 512)
        ended, _ = reap()
        if process in ended:
            end_of_group(process)
            return exit_status(ended[process])


def start(spec: dict[str, Any]) -> int:
    """Fork a process that leads its own group and becomes the command. Returns its id."""
    leash_pid = os.getpid()
    process = os.fork()
    if process == 0:
        become(spec, leash_pid)
    return process


def become(spec: dict[str, Any], leash_pid: int) -> NoReturn:
    """Turn this forked process into the command. Any failure ends it with 127."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        if "user" in spec:
            os.setgroups([])
            os.setgid(spec["group"])
            os.setuid(spec["user"])
        process_control(PR_SET_PDEATHSIG, signal.SIGKILL)  # after setuid, which would clear it
        if os.getppid() == leash_pid:  # else the guard died before the line above took effect
            os.execvp(spec["command"][0], spec["command"])  # noqa: S606 - running a command is what this file is for
    except OSError as error:
        print(f"{spec['command'][0]}: {error.strerror}", file=sys.stderr, flush=True)
    os._exit(COULD_NOT_EXECUTE)


def process_control(option: int, value: int) -> None:
    """Call prctl(2) on Linux. Elsewhere only the pipe and the process group end the command."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def end_orphan(process: int, orphan_signal: signal.Signals) -> None:
    """End the command after its holder died: first `orphan_signal` and a wait, then SIGKILL to all that is left."""
    if orphan_signal != signal.SIGKILL:
        send(process, orphan_signal)
        deadline = time.monotonic() + TIDY_UP_S
        while time.monotonic() < deadline and process not in reap()[0]:
            time.sleep(0.02)
    end_of_group(process)


def end_of_group(process: int) -> None:
    """Kill all that is left of the group and all adopted children, until none is left."""
    deadline = time.monotonic() + TIDY_UP_S
    some_left = True
    while some_left and time.monotonic() < deadline:
        with suppress(ProcessLookupError, PermissionError):  # macOS says "not permitted" of a group of zombies
            os.killpg(process, signal.SIGKILL)
        for child in children():
            send(child, signal.SIGKILL)
        time.sleep(0.005)
        _, some_left = reap()


def children() -> list[int]:
    """The ids of all children, including adopted ones; empty where there is no Linux procfs."""
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


def reap() -> tuple[dict[int, int], bool]:
    """Collect every child that has ended: wait status by process id, and whether any child is left."""
    ended: dict[int, int] = {}
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return ended, True
            ended[pid] = status
    return ended, False


def exit_status(status: int) -> int:
    """A wait status as the exit status that a shell reports."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def send(process: int, number: int) -> None:
    """Send a signal to a process that may have ended already."""
    with suppress(ProcessLookupError):
        os.kill(process, number)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
