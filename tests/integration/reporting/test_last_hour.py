"""The last hour by the minute, from the recipients themselves."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.reporting.counted import Counted
from app.domain.sending.state_machine import State
from app.services.reporting.last_hour import ReadLastHour
from app.store.engine.ids import first_id_of
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change

MINUTE = timedelta(minutes=1)


def accepted(gateway: Gateway, to: str, *, ago: timedelta, **now: object) -> datetime:
    """Submit an email as if it were accepted so long ago; its recipient is `now`. Return its minute."""
    email = submit(gateway, caller(gateway), to)
    at = datetime.now(UTC) - ago
    made = UUID(int=first_id_of(at).int | email.int & (1 << 48) - 1)
    change(gateway, "recipients", {"id": made, "created_at": at, **now}, email_id=email)
    return at.replace(second=0, microsecond=0)


def test_each_minute_has_what_its_recipients_are_counted_as_now(gateway: Gateway) -> None:
    """As the counts by the hour: sent, and one outcome; what was accepted before the hour is in none."""
    bounced = {"state": State.BOUNCED, "cause": BounceCause.MAILBOX_GONE, "ses_message_id": "one"}
    early = accepted(gateway, "kim@example.net", ago=30 * MINUTE, **bounced)
    late = accepted(gateway, "ann@example.net", ago=timedelta(), state=State.DELIVERED, ses_message_id="two")
    accepted(gateway, "old@example.net", ago=62 * MINUTE)
    found = gateway.reporting.read_last_hour(ROOT)
    by_minute = {one.at: {what for what, number in one.counts.items() if number} for one in found.periods}
    assert by_minute == {
        early: {Counted.ACCEPTED, Counted.SENT, Counted.BOUNCED, Counted.HARD_BOUNCED},
        late: {Counted.ACCEPTED, Counted.SENT, Counted.DELIVERED},
    }
    assert found.total[Counted.ACCEPTED] == found.total[Counted.SENT] == 2
    assert found.until - found.since == timedelta(hours=1)


def test_no_minute_is_counted_in_part(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more recipients than are read, the newest minutes are whole, and the others are missing."""
    for number, ago in enumerate((3, 2, 2, 1)):
        minute = accepted(gateway, f"r{number}@example.net", ago=ago * MINUTE + number * timedelta(milliseconds=50))
    monkeypatch.setattr("app.store.reporting.minutes.MOST", 2)
    found = ReadLastHour(database=gateway.database)(ROOT)
    assert [(one.at, one.counts[Counted.ACCEPTED]) for one in found.periods] == [(minute, 1)]
