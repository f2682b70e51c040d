"""The CPU time of pure work, for tests that hold it to grow with the length of a text, and not with its square."""

import time
from collections.abc import Callable


def least_cpu_s(work: Callable[[], object]) -> float:
    """The least of three runs, in seconds: during one of them Python may look for garbage among all that tests made."""
    return min(_cpu_s(work) for _ in range(3))


def _cpu_s(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began
