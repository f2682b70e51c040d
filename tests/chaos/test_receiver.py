"""The receiver of a drill fails as real ones do, and never so often that the drill would have to wait for minutes."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.load.journal import Journal
from tests.chaos.load.receiver import Receiver

DELIVERIES = 200
CONTENT = json.dumps({"type": "email.delivered", "data": {"recipient_id": "none"}})


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    journal = Journal(tmp_path / "journal.jsonl")
    receiver = Receiver(journal, seed=1)
    receiver.start()
    yield receiver
    receiver.stop()
    journal.close()


def test_no_delivery_meets_two_mishaps(receiver: Receiver) -> None:
    """A few are not taken the first time. Each of those is taken the second time."""
    failed = [number for number in range(DELIVERIES) if not taken(receiver, number)]
    assert 0 < len(failed) < DELIVERIES / 10
    assert all(taken(receiver, number) for number in failed for _ in range(20))


def taken(receiver: Receiver, number: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    try:
        connection.request("POST", "/", CONTENT, {"webhook-id": f"delivery-{number}"})
        return connection.getresponse().status == 200
    except http.client.RemoteDisconnected:
        return False
    finally:
        connection.close()
