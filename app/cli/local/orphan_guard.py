"""Hold one process on a leash: when whoever holds the other end is gone, for whatever reason, the process is gone too.

Run by path as a program: `leash.py SPEC`, SPEC being JSON with `leash` (the read end of a pipe that nobody writes to),
`command`, and optionally `user` and `group` (ids to drop to) and `orphan_signal` (sent first when the leash is let go,
for programs that must tidy up; SIGKILL follows). It decides only who is killed when. It never restarts, and never
writes to the output of the process. Standard library only: it runs before anything else can be relied on.

The process leads a process group of its own. On Linux the leash also adopts what leaves that group, so that a
grandchild in a session of its own ends as well, and the process dies should the leash itself be killed.
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
    """Run the command to its end, or to the end of the leash; returns its exit status, 128 + n for a signal n."""
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
            let_go(process, signal.Signals(spec.get("orphan_signal", signal.SIGKILL)))
            return 128 + signal.SIGKILL
        os.read(wake_up, 512)
        ended, _ = reap()
        if process in ended:
            end_of_group(process)
            return exit_status(ended[process])


def start(spec: dict[str, Any]) -> int:
    """Fork the process at the head of its own group and return its id."""
    leash_pid = os.getpid()
    process = os.fork()
    if process == 0:
        become(spec, leash_pid)
    return process


def become(spec: dict[str, Any], leash_pid: int) -> NoReturn:
    """Turn this forked copy into the command; whatever fails here ends it with 127."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        if "user" in spec:
            os.setgroups([])
            os.setgid(spec["group"])
            os.setuid(spec["user"])
        process_control(PR_SET_PDEATHSIG, signal.SIGKILL)  # after setuid, which would clear it
        if os.getppid() == leash_pid:  # else the leash died before the line above could matter
            os.execvp(spec["command"][0], spec["command"])  # noqa: S606 - running a command is what this file is for
    except OSError as error:
        print(f"{spec['command'][0]}: {error.strerror}", file=sys.stderr, flush=True)
    os._exit(COULD_NOT_EXECUTE)


def process_control(option: int, value: int) -> None:
    """prctl(2) on Linux; elsewhere the pipe and the process group have to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def let_go(process: int, orphan_signal: signal.Signals) -> None:
    """The holder is gone: the process may tidy up if it must, then nothing of it is left."""
    if orphan_signal != signal.SIGKILL:
        send(process, orphan_signal)
        deadline = time.monotonic() + TIDY_UP_S
        while time.monotonic() < deadline and process not in reap()[0]:
            time.sleep(0.02)
    end_of_group(process)


def end_of_group(process: int) -> None:
    """Kill what is left of the group and all that was adopted from it, until there is nothing."""
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
    """Our children, adopted ones included, as far as Linux tells."""
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
    """A wait status as a shell would report it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def send(process: int, number: int) -> None:
    """Send a signal to a process that may have ended by itself."""
    with suppress(ProcessLookupError):
        os.kill(process, number)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
