"""The rows of the list: one live entry per name and scope, and a note of each change."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from app.domain.suppression.rules import Change, Origin
from app.store.engine.database import clock
from app.store.suppression import suppressions
from app.store.suppression.changes import of_keys
from app.store.suppression.suppressions import NewSuppression, Suppression
from app.wiring.gateway import Gateway
from tests.support.gateway.rows import age, rows

KIM = "kim@example.net"


def put(gateway: Gateway, origin: Origin, *, expires_in: timedelta | None = None) -> tuple[Suppression, bool]:
    with gateway.database.transaction() as connection:
        expires_at: datetime | None = clock(connection) + expires_in if expires_in else None
        return suppressions.put(
            connection,
            NewSuppression(
                key=KIM,
                scope="*",
                address=KIM,
                origin=origin,
                reason=f"By {origin}.",
                actor="test",
                expires_at=expires_at,
            ),
        )


def changes(gateway: Gateway) -> list[tuple[str, str, str, str]]:
    """The changes of Kim's entries, oldest first."""
    with gateway.database.reading() as connection:
        found = of_keys(connection, [KIM])
    return [(one.type, one.origin, one.actor, one.reason) for one in reversed(found)]


def live(gateway: Gateway) -> Suppression:
    with gateway.database.reading() as connection:
        [entry] = suppressions.live(connection, KIM)
    return entry


def test_a_stronger_reason_replaces_a_weaker_one(gateway: Gateway) -> None:
    """In the same row, whose id stays; a weaker one that comes later changes nothing."""
    first, put_first = put(gateway, Origin.BOUNCE)
    second, put_second = put(gateway, Origin.COMPLAINT)
    third, put_third = put(gateway, Origin.MANUAL)
    assert (put_first, put_second, put_third) == (True, True, False)
    assert first.id == second.id == third.id
    assert (live(gateway).origin, live(gateway).reason, live(gateway).version) == ("complaint", "By complaint.", 2)
    assert changes(gateway) == [
        (Change.ADDED, "bounce", "test", "By bounce."),
        (Change.REPLACED, "complaint", "test", "By complaint."),
    ]


@pytest.mark.parametrize("lasting_first", [True, False])
def test_a_lasting_entry_outweighs_a_pause(gateway: Gateway, lasting_first: bool) -> None:
    """In either order, and although a bounce is stronger: otherwise the address would be free after the pause."""
    entries = [(Origin.MANUAL, None), (Origin.BOUNCE, timedelta(days=14))]
    for origin, lasts in entries if lasting_first else reversed(entries):
        put(gateway, origin, expires_in=lasts)
    assert (live(gateway).origin, live(gateway).expires_at) == ("manual", None)


def test_an_entry_that_expired_is_a_tombstone_of_that_moment(gateway: Gateway) -> None:
    """Whether the sweep or a new entry finds it, its end is the moment of expiry, and that is noted."""
    put(gateway, Origin.COMPLAINT, expires_in=timedelta(days=1))
    age(gateway, "suppressions", "expires_at", timedelta(seconds=5))
    put(gateway, Origin.MANUAL, expires_in=timedelta(days=1))
    assert live(gateway).origin == "manual"
    age(gateway, "suppressions", "expires_at", timedelta(seconds=3), removed_at=None)
    with gateway.database.transaction() as connection:
        assert [one.origin for one in suppressions.expire(connection, limit=10)] == ["manual"]
        assert suppressions.expire(connection, limit=10) == ()
    assert [(row["removed_at"] == row["expires_at"], row["removed_by"]) for row in rows(gateway, "suppressions")] == [
        (True, "postern"),
        (True, "postern"),
    ]
    assert [change[0] for change in changes(gateway)] == ["added", "expired", "added", "expired"]


def test_a_removal_and_its_undoing_are_noted(gateway: Gateway) -> None:
    """With actor and reason. A second removal of the same row does nothing; an undone one leaves no effect."""
    entry, _ = put(gateway, Origin.BOUNCE)
    with gateway.database.transaction() as connection:
        unsuppressed = suppressions.unsuppress(connection, [entry.id], actor="ann", reason="She is back.")
        again = suppressions.unsuppress(connection, [entry.id], actor="ann", reason="She is back.")
        assert (len(unsuppressed), again) == (1, ())
        assert suppressions.last_removal(connection, key=KIM, scope="*") == unsuppressed[0].removed_at
        restored = suppressions.restore(connection, unsuppressed[0], actor="ben", reason="By mistake.")
        assert suppressions.last_removal(connection, key=KIM, scope="*") is None
    assert restored == entry
    assert changes(gateway)[1:] == [
        (Change.REMOVED, "bounce", "ann", "She is back."),
        (Change.RESTORED, "bounce", "ben", "By mistake."),
    ]


def test_a_pause_that_is_prolonged_is_noted_once(gateway: Gateway) -> None:
    """The same end given again is no change."""
    entry, _ = put(gateway, Origin.BOUNCE, expires_in=timedelta(days=1))
    later = (entry.expires_at or entry.created_at) + timedelta(days=1)
    for _ in range(2):
        with gateway.database.transaction() as connection:
            suppressions.prolong(connection, entry.id, expires_at=later, reason="Again.", source={})
    assert live(gateway).expires_at == later
    assert [change[0] for change in changes(gateway)] == ["added", "prolonged"]


def test_a_review_is_begun_and_confirmed_once(gateway: Gateway) -> None:
    """Each with a note; an entry that is not under review cannot be confirmed."""
    entry, _ = put(gateway, Origin.BOUNCE)
    review = UUID(int=1)
    with gateway.database.transaction() as connection:
        connection.exec_driver_sql(
            "insert into reviews (id, domain, opened_at) values "
            f"('{review.hex}', 'example.net', '2026-01-01 00:00:00+00')"
        )
        assert suppressions.confirm(connection, [entry.id], actor="ann", reason="Gone.") == ()
        assert len(suppressions.put_under_review(connection, [entry.id], review_id=review, reason="Many.")) == 1
        assert suppressions.put_under_review(connection, [entry.id], review_id=review, reason="Many.") == ()
        assert len(suppressions.confirm(connection, [entry.id], actor="ann", reason="Gone.")) == 1
    assert [change[0] for change in changes(gateway)] == ["added", "review", "confirmed"]
