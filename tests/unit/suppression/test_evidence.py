"""Which events outlive their email: those that the suppression list still needs."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.feedback.events import EventType
from app.domain.suppression.evidence import AddressPast, PastEvent, is_needed

START = datetime(2026, 1, 1, tzinfo=UTC)
CLAIMS = (EventType.BOUNCE, EventType.COMPLAINT)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def event(kind: EventType, at: int, *, counts: bool = False) -> PastEvent:
    return PastEvent(UUID(int=at), kind, day(at), counts)


@pytest.mark.parametrize("kind", EventType)
@pytest.mark.parametrize("counts", [False, True])
def test_of_an_address_on_the_list_all_bounces_and_complaints_are_needed(kind: EventType, counts: bool) -> None:
    """Whether it is on the list now, was on it, or is on that of SES; whatever was delivered since."""
    past = AddressPast(listed=True, counts_since=None, delivered_at=day(9))
    assert is_needed(event(kind, 1, counts=counts), past) == (kind in CLAIMS)


@pytest.mark.parametrize("kind", EventType)
def test_of_another_address_what_counts_for_nothing_is_not_needed(kind: EventType) -> None:
    """A first delivery, a bounce that counts against no address, an open."""
    assert not is_needed(event(kind, 1), AddressPast(listed=False, counts_since=None, delivered_at=day(1)))


@pytest.mark.parametrize(
    "kind, at, delivered, needed",
    [
        (EventType.BOUNCE, 3, None, True),
        (EventType.BOUNCE, 3, 2, True),
        (EventType.BOUNCE, 3, 3, False),
        (EventType.BOUNCE, 3, 4, False),
        (EventType.DELIVERY, 4, 4, True),
        (EventType.DELIVERY, 3, 3, True),
        (EventType.DELIVERY, 4, 5, False),
        (EventType.DELIVERY, 2, 2, False),
    ],
)
def test_bounces_count_until_a_delivery_ends_their_row(
    kind: EventType, at: int, delivered: int | None, needed: bool
) -> None:
    """The bounces since the last delivery are needed, and the delivery that ends a row of bounces."""
    past = AddressPast(listed=False, counts_since=day(3), delivered_at=None if delivered is None else day(delivered))
    assert is_needed(event(kind, at, counts=kind is EventType.BOUNCE), past) is needed


HISTORIES = st.lists(st.tuples(st.sampled_from([EventType.BOUNCE, EventType.DELIVERY]), st.booleans()), max_size=8)


@given(history=HISTORIES, deleted=st.integers(0, 8))
def test_the_bounces_that_count_are_the_same_afterwards(history: list[tuple[EventType, bool]], deleted: int) -> None:
    """Whatever happened to an address: once its first emails are deleted, as many bounces in a row count as before."""
    told = [event(kind, at, counts=counts and kind is EventType.BOUNCE) for at, (kind, counts) in enumerate(history)]
    past = past_of(told)
    left = [one for at, one in enumerate(told) if at >= deleted or is_needed(one, past)]
    assert in_a_row(left) == in_a_row(told)


def past_of(told: list[PastEvent]) -> AddressPast:
    delivered = [one.occurred_at for one in told if one.type == EventType.DELIVERY]
    counted = [one.occurred_at for one in told if one.counts_against]
    return AddressPast(listed=False, counts_since=min(counted, default=None), delivered_at=max(delivered, default=None))


def in_a_row(told: list[PastEvent]) -> list[UUID]:
    last = past_of(told).delivered_at
    return [one.id for one in told if one.counts_against and (last is None or one.occurred_at > last)]
