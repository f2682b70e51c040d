"""An expired entry is no removal: it rejects no old event and no import, and cannot be undone."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.errors import NotFound
from app.services.operating.sweeps import Sweep
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import bounced, put
from tests.support.gateway.emails import ROOT
from tests.support.gateway.rows import change, rows
from tests.support.suppression.list_files import csv_of, take
from tests.support.suppression.list_sync import two_lists

KIM = "kim@example.net"
HOUR = timedelta(hours=1)


@pytest.fixture
def over(gateway: Gateway) -> datetime:
    """Kim was paused for soft bounces, and the pause has just expired; returns a time before that."""
    before = datetime.now(UTC) - 2 * HOUR
    for number in range(3):
        put(gateway, json.dumps(bounced(KIM, message=f"soft{number}", kind="Transient", at=before)))
    gateway.settle.drain()
    change(gateway, "suppressions", {"expires_at": datetime.now(UTC) - HOUR}, key=KIM)
    assert gateway.upkeep.run(Sweep.SUPPRESSIONS) == 1
    return before


def live(gateway: Gateway) -> list[str]:
    return [row["origin"] for row in rows(gateway, "suppressions", key=KIM) if row["removed_at"] is None]


def test_a_bounce_of_an_email_that_left_before_suppresses(gateway: Gateway, over: datetime) -> None:
    """Promise 6 is about removals by a person."""
    put(gateway, json.dumps(bounced(KIM, message="hard", at=over)))
    gateway.settle.drain()
    assert live(gateway) == ["bounce"]


def test_an_import_of_an_older_row_adds_it(gateway: Gateway, over: datetime) -> None:
    """Only a person's removal keeps a row away."""
    assert take(gateway, csv_of(("email", "origin", "created_at"), (KIM, "bounce", over.isoformat()))) == ["added"]
    assert live(gateway) == ["bounce"]


def test_an_older_entry_of_ses_is_taken_over(gateway: Gateway, over: datetime, tmp_path: Path) -> None:
    """SES need not be asked for the reason, since nothing contradicts its entry."""
    with two_lists(gateway, tmp_path) as world:
        world.at_ses(KIM, updated_at=over.isoformat())
        world.run()
        assert live(gateway) == ["ses_account"]


def test_there_is_nothing_to_undo(gateway: Gateway, over: datetime) -> None:
    """No person has removed it."""
    with pytest.raises(NotFound):
        gateway.undo(ROOT, KIM, reason="By mistake.")
    assert live(gateway) == []
