"""A benchmark that is stopped before its end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.support.servers.cli import CHECKOUT, family, lives, surroundings, until, words_of


def by_its_parent(process: int) -> None:
    os.kill(process, signal.SIGTERM)


def by_a_terminal(process: int) -> None:
    """Ctrl-C goes to all processes of the group at once. It is pressed again while they stop."""
    for _ in range(20):
        os.killpg(process, signal.SIGINT)
        time.sleep(0.05)


@pytest.mark.parametrize("stopped", [by_its_parent, by_a_terminal])
def test_a_benchmark_that_is_stopped_leaves_no_process(stopped: Callable[[int], None]) -> None:
    """Neither one of its own nor one of the benchmarks that `all` runs; it says that there is no result."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "bench", "all", "--quick"],
        cwd=CHECKOUT,
        env=surroundings(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        until(lambda: any("ses_standin" in words_of(one) for one in family(process.pid)))
        below = family(process.pid)
        stopped(process.pid)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert set(said.splitlines()) == {"bench: stopped without a result"}
    until(lambda: not any(map(lives, below)))  # a server that dies with its parent takes a moment
