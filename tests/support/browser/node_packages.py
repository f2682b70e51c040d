"""Packages of Node for tests, as a lock beside the test has them."""

import shutil
import subprocess
from pathlib import Path

import pytest

UNREACHABLE = ("ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EAI_AGAIN", "ENOTCACHED")


def install(packages: Path, directory: Path) -> Path:
    """Install the packages into a directory, and return it; skip the test where they cannot be fetched."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node is not installed")
    shutil.copytree(packages, directory, dirs_exist_ok=True)
    words = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=20000"]
    done = subprocess.run(words, cwd=directory, capture_output=True, text=True, timeout=120, check=False)
    if any(code in done.stderr for code in UNREACHABLE):
        pytest.skip("The packages of Node cannot be fetched here")
    assert done.returncode == 0, done.stderr
    return directory
