"""Run a program under the system call filter of a systemd unit, without systemd:
`tests/support/servers/syscall_sandbox.py UNIT WORD…`.

It gets the calls in the groups of the unit's `SystemCallFilter=` from `systemd-analyze`, and applies the filter to this
process and its children with libseccomp, which systemd uses too. `MemoryDenyWriteExecute=yes` is MDWE in the kernel.
"""

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NO_SUCH_CALL = -1
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1


def settings_of(unit: Path) -> list[tuple[str, str]]:
    """Return each setting of a unit, in order."""
    lines = [line for line in unit.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


def members(group: str) -> set[str]:
    """Return the calls of a group, including those of groups in it."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    found: set[str] = set()
    for line in listed.stdout.splitlines()[1:]:
        word = line.split("#", 1)[0].strip()
        if word:
            found |= members(word) if word.startswith("@") else {word}
    return found


def allowed(unit: Path) -> set[str]:
    """Return the calls that a unit may make: those of its first filter, minus those of filters with a tilde."""
    calls = members("@default")
    for name, value in settings_of(unit):
        if name == "SystemCallFilter":
            named = {call for word in value.removeprefix("~").split() for call in members(word)}
            calls = calls - named if value.startswith("~") else calls | named
    return calls


def enter(unit: Path) -> None:
    """Apply the filter of the unit to this process, permanently."""
    libc = ctypes.CDLL(None, use_errno=True)
    if ("MemoryDenyWriteExecute", "yes") in settings_of(unit):
        libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)  # an older kernel does not support it
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(ERRNO | errno.EPERM)))
    for name in sorted(allowed(unit)):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number != NO_SUCH_CALL and (failed := seccomp.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), number, 0)):
            raise OSError(-failed, f"no rule for {name}")
    if failed := seccomp.seccomp_load(context):
        raise OSError(-failed, "the filter was not loaded")


if __name__ == "__main__":
    enter(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
