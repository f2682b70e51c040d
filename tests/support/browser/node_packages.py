"""Packages of Node for tests, as a lock beside the test has them, and one process that answers by them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


class NodeProcess:
    """A script of Node that answers each line of JSON by one."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def running(script: Path, environment: Mapping[str, str]) -> Iterator[NodeProcess]:
    """Run a script until the end of the block, with this environment and the PATH of this process."""
    words = (shutil.which("node") or "node", str(script))
    env = {"PATH": os.environ["PATH"], **environment}
    with subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield NodeProcess(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)
