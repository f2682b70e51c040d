"""The sandbox of the systemd units: its exposure by systemd's own score, and that all of Postern runs in it."""

import ctypes.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers.cli import CHECKOUT, command, last_object, surroundings

UNITS = sorted((CHECKOUT / "deploy").glob("*.service"))
MOST_EXPOSED = 2.5
SANDBOXED = Path(__file__).resolve().parents[1] / "support" / "servers" / "syscall_sandbox.py"

with_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
with_seccomp = pytest.mark.skipif(
    not sys.platform.startswith("linux") or ctypes.util.find_library("seccomp") is None,
    reason="libseccomp is not installed",
)


@with_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_little_exposed(unit: Path) -> None:
    """Its exposure is below 2.5 of 10; a service without any sandbox has 9.6."""
    words = ("systemd-analyze", "security", "--offline=true", "--no-pager", str(unit))
    analysed = subprocess.run(words, capture_output=True, text=True, check=False)
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", analysed.stdout)
    assert level, analysed.stderr
    assert float(level[1]) < MOST_EXPOSED


@with_systemd
@with_seccomp
def test_the_whole_gateway_runs_under_the_filter_of_its_units(tmp_path: Path) -> None:
    """Web, workers, beat and their child processes make no system call that the units refuse."""
    done = sandboxed(tmp_path, *command("demo", "--json"))
    assert done.returncode == 0, done.stderr[-4000:]
    assert last_object(done.stdout)["ledger_agrees"] is True


@with_systemd
@with_seccomp
@pytest.mark.parametrize(
    "call", ["os.sched_setaffinity(0, {0})", "os.setpriority(os.PRIO_PROCESS, 0, 1)", "os.nice(1)"]
)
def test_the_filter_bites(tmp_path: Path, call: str) -> None:
    """Without the filter the test above would prove nothing."""
    refused = sandboxed(tmp_path, sys.executable, "-c", f"import os; {call}")
    assert "PermissionError" in refused.stderr


def sandboxed(directory: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a program under the filter of the worker's unit; all units have the same filter."""
    return subprocess.run(
        [sys.executable, str(SANDBOXED), str(CHECKOUT / "deploy" / "postern-worker.service"), *words],
        cwd=directory,
        env=surroundings(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
