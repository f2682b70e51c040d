"""In which order the tests run: each worker of xdist has some of the long ones, and begins with them.

A long one that comes last keeps everybody waiting. It knows how `--dist worksteal` shares out: each worker gets as many
tests that follow each other, and whoever is done takes from the end of what another has. It decides no more than the
order; whatever it is, every test passes.
"""

from pathlib import Path

import pytest

LONG = ("chaos", "e2e", "test_deaf_worker.py")


def dealt(items: list[pytest.Item], *, workers: int) -> list[pytest.Item]:
    """The tests in the order for so many workers. Those of one module stay together, for what they share."""
    long = filter(is_long, dict.fromkeys(item.path for item in items))
    turns = {path: number % workers for number, path in enumerate(long)}
    rest = [item for item in items if item.path not in turns]
    order: list[pytest.Item] = []
    for worker in range(workers):
        share = (len(items) - len(order)) // (workers - worker)
        own = [item for item in items if turns.get(item.path) == worker]
        others = max(0, share - len(own))
        order += own + rest[:others]
        del rest[:others]
    return order + rest


def is_long(module: Path) -> bool:
    """Whether the tests of a module take minutes together."""
    return any(part in LONG for part in module.parts)
