"""The order of events never changes the list: the same notifications, in any order, leave the same rows."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.errors import NotFound
from app.store.engine.database import clock
from app.store.engine.ids import new_id
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import Event, bounced, complained, delivered, put
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import gateway_on
from tests.support.gateway.rows import rows

PEOPLE = ("ann", "bob", "kim", "lee")
GONE_AT_SES = {"kind": "Permanent", "subtype": "OnAccountSuppressionList"}
FULL = {"kind": "Transient", "subtype": "MailboxFull"}


@dataclass(frozen=True)
class ReceivedEvent:
    """An event of an email to one address, a number of minutes before or after the removal."""

    who: str
    what: str
    minute: int


received = st.builds(
    ReceivedEvent,
    who=st.sampled_from(PEOPLE),
    what=st.sampled_from(["gone", "soft", "soft", "at ses", "complaint", "delivery"]),
    minute=st.integers(1, 40),
)


@pytest.fixture
def gateway(migrated_url: str, redis_url: str) -> Iterator[Gateway]:
    """A gateway that takes three addresses for a burst."""
    with gateway_on(migrated_url, redis_url, review_bounces=3) as made:
        yield made


def as_notification(one: ReceivedEvent, domain: str, at: datetime, number: int) -> Event:
    """The notification of an email that had left a minute before."""
    address, message = f"{one.who}@{domain}", f"{domain}-{number}"
    when: dict[str, Any] = {"message": message, "at": at, "sent_at": at - timedelta(minutes=1)}
    match one.what:
        case "gone":
            return bounced(address, **when)
        case "soft":
            return bounced(address, **FULL, **when)
        case "at ses":
            return bounced(address, **GONE_AT_SES, **when)
        case "complaint":
            return complained(address, **when)
    return delivered(address, **when)


def play(gateway: Gateway, before: Sequence[Event], removed: Sequence[str], after: Sequence[Event]) -> None:
    """Settle the early events, remove some addresses, settle the late events; the sweep runs in between."""
    for part in (before, after):
        for cut in range(0, len(part), 4):
            put(gateway, *map(json.dumps, part[cut : cut + 4]))
            gateway.settle.drain()
            gateway.reviews.sweep()
        for address in removed if part is before else ():
            try:
                gateway.unsuppress(ROOT, address, reason="She asked.", force=True, wait_for_ses=False)
            except NotFound:
                continue


def listed(gateway: Gateway, domain: str) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """The live entries and tombstones of addresses: address, origin, reason, end, whether under review."""
    attempt = [row for row in rows(gateway, "suppressions") if row["key"].endswith(f"@{domain}")]
    live = [
        (row["key"].partition("@")[0], row["scope"], row["origin"], row["expires_at"], row["review_id"] is not None)
        for row in attempt
        if row["removed_at"] is None
    ]
    tombstones = [
        (row["key"].partition("@")[0], row["scope"], row["origin"], row["expires_at"])
        for row in attempt
        if row["removed_by"] not in {None, "postern"}
    ]
    return sorted(live, key=str), sorted(tombstones, key=str)


@given(
    early=st.lists(received, min_size=2, max_size=9),
    late=st.lists(received, max_size=7),
    removed=st.sets(st.sampled_from(PEOPLE)),
    seed=st.integers(0, 999),
)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_events_never_changes_the_list(
    gateway: Gateway, early: list[ReceivedEvent], late: list[ReceivedEvent], removed: set[str], seed: int
) -> None:
    """Bounces, complaints and deliveries of several emails, shuffled and repeated, with removals in between."""
    with gateway.database.reading() as connection:
        start = clock(connection).replace(microsecond=0)
    outcomes = []
    for shuffle in (None, random.Random(seed), random.Random(seed + 1)):
        domain = f"d{new_id().hex}.example"
        before = [
            as_notification(one, domain, start - timedelta(minutes=60 - one.minute), number)
            for number, one in enumerate(early)
        ]
        after = [
            as_notification(one, domain, start + timedelta(minutes=60 + one.minute), 100 + number)
            for number, one in enumerate(late)
        ]
        if shuffle is not None:
            again = shuffle.sample(before, k=len(before) // 2)
            before, after = before + again, after + shuffle.sample(before, k=len(before) // 2)
            shuffle.shuffle(before)
            shuffle.shuffle(after)
        play(gateway, before, [f"{one}@{domain}" for one in sorted(removed)], after)
        outcomes.append(listed(gateway, domain))
    assert outcomes[0] == outcomes[1] == outcomes[2]
