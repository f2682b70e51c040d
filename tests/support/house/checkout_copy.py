"""Programs in a copy of this checkout, with the settings of production in `.env` and in the environment."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.gateway.production import Production
from tests.support.house.sources import CHECKOUT, OURS
from tests.support.servers.cli import surroundings

AT_MOST_S = 400


def copy_checkout(directory: Path, production: Production) -> None:
    """Copy what programs need. The bytecode comes along: the processes of the copy would compile all of it anew."""
    for name in (*OURS, "gunicorn.conf.py", "pyproject.toml"):
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, directory / name)
        else:
            shutil.copy(CHECKOUT / name, directory / name)
    production.write_env_file(directory)


def run_in_copy(
    directory: Path, production: Production, *words: str, **more: str
) -> "subprocess.CompletedProcess[str]":
    """Run a program of the copy to its end."""
    own = {"PYTHONPATH": str(directory), "TMPDIR": os.environ.get("TMPDIR", "/tmp")}
    environment = surroundings(**production.variables, **more) | own
    return subprocess.run(
        words, cwd=directory, env=environment, capture_output=True, text=True, timeout=AT_MOST_S, check=False
    )
