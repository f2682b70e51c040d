"""A benchmark that is stopped before its end."""

import signal
import subprocess
import sys

from tests.support.servers.cli import CHECKOUT, family, lives, surroundings, until, words_of


def test_a_benchmark_that_is_stopped_leaves_no_process() -> None:
    """Neither one of its own nor one of the benchmarks that `all` runs; it says that there is no result."""
    words = (sys.executable, "-P", "-m", "bench", "all", "--quick")
    with subprocess.Popen(
        words, cwd=CHECKOUT, env=surroundings(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: any("ses_standin" in words_of(one) for one in family(process.pid)))
        below = family(process.pid)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert set(said.splitlines()) == {"bench: stopped without a result"}
    assert not any(map(lives, below))
