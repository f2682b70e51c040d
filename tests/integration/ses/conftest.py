"""One door for all tests of a module, on SQLite: what differs between databases is tested below the door."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ses.door import Door, door_on


@pytest.fixture(scope="module")
def door(sqlite_template: Path, valkey_url: str) -> Iterator[Door]:
    with door_on(sqlite_template, valkey_url) as opened:
        yield opened
