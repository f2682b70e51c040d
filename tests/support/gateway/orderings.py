"""The order of the tests: each xdist worker gets some of the long tests, and begins with them.

A long test at the end would delay the whole run. `--dist worksteal` gives each worker the same number of consecutive
tests, and a worker that is done takes tests from the end of another's share. Only the order changes; every test passes
in any order.
"""

from pathlib import Path

import pytest

LONG = (
    "chaos",
    "e2e",
    "growth",
    "infrastructure",
    "mutants",
    "test_broker_troubles.py",
    "test_deaf_worker.py",
    "test_key_rotation.py",
    "test_list_files.py",
    "test_slow_clients.py",
    "test_sync_schedule.py",
)


TOGETHER = ("growth",)
"""Folders whose tests share what takes long to make."""


def dealt(items: list[pytest.Item], *, workers: int) -> list[pytest.Item]:
    """Return the tests in the order for `workers` workers. Those of one unit stay together, to share fixtures."""
    long = filter(is_long, dict.fromkeys(unit_of(item.path) for item in items))
    turns = {path: number % workers for number, path in enumerate(long)}
    rest = [item for item in items if unit_of(item.path) not in turns]
    order: list[pytest.Item] = []
    for worker in range(workers):
        share = (len(items) - len(order)) // (workers - worker)
        own = [item for item in items if turns.get(unit_of(item.path)) == worker]
        others = max(0, share - len(own))
        order += own + rest[:others]
        del rest[:others]
    return order + rest


def unit_of(module: Path) -> Path:
    """Return the module, or the folder where its modules belong together."""
    return module.parent if module.parent.name in TOGETHER else module


def is_long(unit: Path) -> bool:
    """Return whether the tests of a module or a folder take minutes together."""
    return any(part in LONG for part in unit.parts)
