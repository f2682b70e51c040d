"""`postern lock`: resolve `requirements*.in` into the locks that the launcher installs from."""

import os
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.cli.shell.command import Command, CommandFailed
from app.cli.shell.operated_gateway import CHECKOUT
from app.cli.shell.terminal import Terminal

LOCKS: Final = (
    "requirements.txt",
    "requirements-otel.txt",
    "requirements-dev.txt",
    "requirements-uv.txt",
    "bench/django/requirements.txt",
)
"""Each is made of the `.in` beside it. The first goes first: the others are held to its versions."""

_OLDEST_PYTHON: Final = "3.11"
_RESOLVED: Final = (
    "--universal",
    f"--python-version={_OLDEST_PYTHON}",
    "--generate-hashes",
    "--only-binary=:all:",
    "--no-emit-index-url",
    "--no-annotate",
    "--no-header",
    "--quiet",
)


def run(given: Namespace, terminal: Terminal) -> bool:
    """Write the locks, or with `--check` only compare them; False when one is not what its `.in` says."""
    changed = []
    with tempfile.TemporaryDirectory() as directory:
        checkout = Path(directory)
        for lock in LOCKS:
            _copy(lock, checkout)
        for lock in LOCKS:
            terminal.say(f"resolving {_source(lock)}")
            _resolve(lock, checkout, _upgrades(given))
            if (checkout / lock).read_bytes() != (CHECKOUT / lock).read_bytes():
                changed.append(lock)
        if not given.check:
            for lock in changed:
                shutil.copyfile(checkout / lock, CHECKOUT / lock)
    terminal.table(("lock", "is"), [(lock, _standing(lock, changed, check=given.check)) for lock in LOCKS])
    terminal.answer({"changed": changed, "written": not given.check})
    return not (given.check and changed)


def _standing(lock: str, changed: Sequence[str], *, check: bool) -> str:
    if lock not in changed:
        return "as its source says"
    return "not what its source says: run `./postern lock`" if check else "written anew"


def _source(lock: str) -> str:
    return lock.removesuffix("txt") + "in"


def _copy(lock: str, checkout: Path) -> None:
    """The versions of the present lock stay, unless they have to change or are asked to."""
    for name in (lock, _source(lock)):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CHECKOUT / name, checkout / name)
    shutil.copyfile(CHECKOUT / "pyproject.toml", checkout / "pyproject.toml")


def _upgrades(given: Namespace) -> list[str]:
    if given.upgrade is None:
        return []
    return [f"--upgrade-package={package}" for package in given.upgrade] or ["--upgrade"]


def _resolve(lock: str, checkout: Path, upgrades: Sequence[str]) -> None:
    command = [_uv(), "pip", "compile", *_RESOLVED, *upgrades, _source(lock), "--output-file", lock]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)  # noqa: S603 - the words are ours
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1].strip()
        raise CommandFailed(f"{_source(lock)} cannot be resolved: {why}")


def _uv() -> str:
    """The uv that installed the environment: the one on PATH, or the one that the launcher put into it."""
    beside = Path(sys.executable).with_name("uv")
    found = shutil.which("uv") or (str(beside) if os.access(beside, os.X_OK) else None)
    if found is None:
        raise CommandFailed("no uv is there: put uv on PATH")
    return found


def arguments(parser: ArgumentParser) -> None:
    """Whether to compare only, and which versions may move."""
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 when a lock is out of date")
    parser.add_argument(
        "--upgrade",
        nargs="*",
        metavar="PACKAGE",
        help="take the newest versions that the sources allow: of these packages, or of all; default: as locked",
    )


COMMAND = Command(
    words=("lock",),
    summary="write the locks of the Python packages anew, from requirements.in and its like",
    detail="Versions stay as they are locked, but where a source changed. The result is the same on every machine: for "
    f"all platforms, for Python {_OLDEST_PYTHON} and newer, wheels only, each with its hashes. It asks the package "
    "index that uv is configured for.",
    example="./postern lock --upgrade cryptography",
    arguments=arguments,
    run=run,
)
