"""What is wrong is named once, what stops email first, and what is no trouble yet is left out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.operating.check_fixes import FIXES
from app.queue import Lane
from app.services.operating.health import Check
from app.services.operating.metrics import COUNTED_UP_TO, Due, Figures
from app.services.operating.overview.concerns import About, concerns
from app.store.sending.circuits import Circuit

NOW = datetime(2027, 1, 31, 12, tzinfo=UTC)
NOTHING = Due(0, None)


def figures(**more: Any) -> Figures:
    """Figures of a gateway with nothing to do."""
    none: dict[str, Any] = {"sweeps": {}, "circuits": {}, "incidents": {}, "events": {}, "bounces": {}, "queues": ()}
    none |= {"workers": 1, "broker_last_seen": NOW, "email": dict.fromkeys(Lane, NOTHING), "canary": None}
    none |= {"unconfirmed": 0, "held": 0, "due_notifications": NOTHING, "parked": 0, "quarantined": 0}
    none |= {"smtp_doors": 0, "smtp": {}, "timings": {}}
    return Figures(now=NOW, **none | more)


def due(count: int, **ago: float) -> Due:
    """So many are due, the oldest since then."""
    return Due(count, NOW - timedelta(**ago))


def test_nothing_is_wrong_when_nothing_is() -> None:
    """With checks that pass, and email that has waited for less than five minutes."""
    busy = figures(
        email={Lane.BULK: due(900, minutes=4)}, due_notifications=due(3, seconds=20), unconfirmed=5, parked=2
    )
    assert concerns([Check("worker", ok=True, detail="One.")], (), busy) == ()


@pytest.mark.parametrize(
    "more, about, says",
    [
        (
            {"email": {Lane.BULK: due(7, minutes=90)}},
            About.QUEUE,
            "The lane bulk is behind: 7 waiting, the oldest for 90",
        ),
        ({"due_notifications": due(2, minutes=6)}, About.SERVERS, "Notifications are behind: 2 waiting"),
        ({"incidents": {"b": 1, "a": 2}}, About.INCIDENTS, "Open incidents: 3 (a, b)."),
        ({"held": COUNTED_UP_TO}, About.HELD, "Held emails: more than 10,000."),
        ({"quarantined": 1}, About.NOTIFICATIONS, "Notifications that were set aside: 1."),
    ],
)
def test_what_waits_for_somebody_is_named(more: dict[str, Any], about: About, says: str) -> None:
    """With its number, which is counted up to a limit."""
    [one] = concerns((), (), figures(**more))
    assert (one.about, one.stops) == (about, False)
    assert one.says.startswith(says)


def test_what_stops_email_comes_first() -> None:
    """A part that is required, and a circuit; the check of circuits itself does not repeat them."""
    checks = [
        Check("redis", ok=False, detail="It is full.", required=False),
        Check("worker", ok=False, detail="None."),
        Check("circuits", ok=False, detail="lane:bulk: Wrong picture.", required=False),
    ]
    paused = Circuit(scope="lane:bulk", reason="Wrong picture.", opened_at=NOW, probe_at=None)
    found = concerns(checks, [paused], figures(held=1))
    assert [(one.says, one.stops) for one in found] == [
        ("Worker: None.", True),
        ("The lane bulk is paused. Wrong picture.", True),
        ("Redis: It is full.", False),
        ("Held emails: 1.", False),
    ]


@pytest.mark.parametrize("name", FIXES)
def test_every_check_that_fails_says_what_to_do(name: str) -> None:
    """As a sentence."""
    [one] = concerns([Check(name, ok=False, detail="No.")], (), figures())
    assert one.todo[0].isupper()
    assert one.todo.endswith(".")
