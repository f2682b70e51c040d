"""What the Dockerfile copies is all that the processes in the image import. The image itself is not built here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.gateway.gateways import SECRET_KEY
from tests.support.servers.cli import CHECKOUT, surroundings

COPY = re.compile(r"^COPY (?!--from)(.+) (\S+)$", re.MULTILINE)
PROGRAM = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
PROCESSES = ("app", "app.smtp.__main__", "worker.beat", "worker.celery", "worker.tasks", "server.worker")


def test_the_processes_of_the_image_import_nothing_that_is_not_in_it(tmp_path: Path) -> None:
    """Web, SMTP door, beat and worker, in a directory that has the copied files and no others."""
    for names, place in COPY.findall((CHECKOUT / "deploy" / "Dockerfile").read_text()):
        for name in names.split():
            if (CHECKOUT / name).is_dir():
                shutil.copytree(CHECKOUT / name, tmp_path / place)  # with bytecode
            elif name.endswith(".py"):
                shutil.copy2(CHECKOUT / name, tmp_path / place)
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, *PROCESSES],
        cwd=tmp_path,
        env=surroundings(PYTHONPATH=str(tmp_path), SECRET_KEYS=SECRET_KEY, DATABASE_URL="sqlite:///none.sqlite3"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
