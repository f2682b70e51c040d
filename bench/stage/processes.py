"""Processes that are started and ended within a benchmark."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_S = 30.0


@contextmanager
def running(
    argv: tuple[str, ...], *, log: Path, environment: Mapping[str, str], ready: Callable[[], bool]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process for the block, from when it is ready; its output goes to `log`. Raises if it ends before."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            argv, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        wait_until(lambda: _alive(process, argv, log) and ready(), within_s=60)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _alive(process: subprocess.Popen[bytes], argv: tuple[str, ...], log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"{' '.join(argv[1:4])} ended with {process.returncode}: {log.read_text()[-2000:]}")
    return True


def wait_until(done: Callable[[], bool], *, within_s: float = 300.0) -> None:
    """Poll until `done()` is true."""
    ends = time.monotonic() + within_s
    while not done():
        if time.monotonic() > ends:
            raise TimeoutError("the benchmark did not end in time")
        time.sleep(0.02)
