"""The disk under the database is full, with real processes: callers and SNS retry, and everything then goes on."""

import pytest

from tests.chaos.started import run_drill

AT_MOST_S = 400


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_full_disk_makes_clients_retry_and_breaks_no_promise(database: str) -> None:
    """No 2xx that is not kept, no 500, no 200 for a notification that is not stored; nothing lost and nothing twice.

    It is a real file system where this process may mount one, and else the nearest to it.
    """
    run = run_drill("full_disk", "--database", database, at_most_s=AT_MOST_S, mounts=["--small-file-system"])
    assert run["broken"] == []
    assert run["notifications_lost"] == 0
    assert set(run["callers"]) <= {"200", "503"}
    assert run["callers"]["503"] >= 1
    assert set(run["sns"]) <= {"200", "503"}
    assert run["sns"]["503"] >= 1
    assert run["replaced"] is False
