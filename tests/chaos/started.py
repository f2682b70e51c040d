"""Start a drill that is a program of its own, below a new directory, and read the last line of its output."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.chaos.stage.disks import namespace

CHECKOUT = Path(__file__).resolve().parents[2]


def run_drill(module: str, *words: str, at_most_s: float, mounts: Sequence[str] = ()) -> dict[str, Any]:
    """Run `python -m tests.chaos.MODULE ROOT WORDS…` to its end; return its last line, read as JSON.

    `mounts`: further words, for a drill that mounts file systems, where this process may let it do so. PostgreSQL's
    user may go to the root, which is gone afterwards.
    """
    with TemporaryDirectory(prefix=f"postern-{module.replace('_', '-')}-") as directory:
        inside = namespace(Path(directory)) if mounts else []
        more = mounts if inside else ()
        done = subprocess.run(
            [*inside, sys.executable, "-m", f"tests.chaos.{module}", directory, *words, *more],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=at_most_s,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said
