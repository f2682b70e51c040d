"""The programs of Debian's packages: where each is, its version, and a skip where its package is missing."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

PLACES = ("/usr/sbin", "/usr/local/sbin", *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True))


def program(name: str, *, package: str) -> str:
    """The path of a program; skips the test where its package is missing."""
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *PLACES]))
    if path is None:
        pytest.skip(f"{name} is missing: apt-get install {package}")
    return path


def version_of(path: str) -> str:
    """The version as the program says it, or an empty text."""
    asked = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", asked.stdout + asked.stderr)
    return found[0] if found else ""


def listens(port: int) -> bool:
    """Whether PostgreSQL answers on this port of loopback."""
    try:
        with psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False
