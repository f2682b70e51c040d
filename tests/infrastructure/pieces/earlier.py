"""Processes of a stage that run the code of an earlier commit, with the tables of its time."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

import pytest
from alembic import command
from alembic.script import ScriptDirectory

from app.wiring.migrations import alembic_config
from tests.chaos.stage.machines import Machine
from tests.chaos.stage.stage import Stage
from tests.support.servers.cli import CHECKOUT

PARTS: Final = ("web", "smtp", "worker", "beat")


def code_of(commit: str, folder: Path) -> Path:
    """The files of a commit, in this folder. Where the clone has no such commit, the test is skipped."""
    packed = subprocess.run(
        ("git", "-c", f"safe.directory={CHECKOUT}", "-C", str(CHECKOUT), "archive", commit),
        capture_output=True,
        check=False,
    )
    if packed.returncode:
        pytest.skip(f"this clone has no commit {commit}: `git fetch --unshallow` gets it")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def go_back(stage: Stage, folder: Path) -> None:
    """End the processes, take the database back to the last migration of this code, and start them with it."""
    machines = [stage.machines[part] for part in PARTS]
    for machine in machines:
        machine.stop()
    then = ScriptDirectory(str(folder / "migrations")).get_current_head()
    command.downgrade(alembic_config(stage.database_url), str(then))
    for machine in machines:
        take_code(machine, CHECKOUT, folder)
        machine.start()


def take_code(machine: Machine, before: Path, after: Path) -> None:
    """Let a process have the code of another folder from its next start on. The Python stays the same."""
    words = (word if word == sys.executable else word.replace(str(before), str(after)) for word in machine.argv)
    placed = tuple(words) if machine.argv[0] == "env" else ("env", f"--chdir={after}", *words)
    machine.argv = placed
    machine.set_environment(PYTHONPATH=str(after))
