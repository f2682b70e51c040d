"""Soft bounces: three messages in a week pause an address for two weeks; each pause doubles; a delivery resets."""

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.services.operating.sweeps import Sweep
from app.store.engine.database import clock
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import Event, bounced, delivered, fresh_address, put
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, rows

DAY = timedelta(days=1)


def now(gateway: Gateway) -> datetime:
    with gateway.database.reading() as connection:
        return clock(connection)


def settle_events(gateway: Gateway, *events: Event) -> None:
    put(gateway, *map(json.dumps, events))
    gateway.settle.drain()


def soft(address: str, message: str, at: datetime, **more: datetime) -> Event:
    return bounced(address, message=message, kind="Transient", subtype="MailboxFull", at=at, **more)


def paused_until(gateway: Gateway, address: str) -> datetime | None:
    """When the live pause of an address ends."""
    ends: list[datetime] = [row["expires_at"] for row in rows(gateway, "suppressions", key=address, removed_at=None)]
    return next((end for end in ends if end > now(gateway)), None)


def serve(gateway: Gateway, address: str) -> datetime:
    """Let the live pause of an address expire; return that moment."""
    age(gateway, "suppressions", "expires_at", timedelta(milliseconds=1), key=address, removed_at=None)
    [row] = rows(gateway, "suppressions", key=address, removed_at=None)
    assert isinstance(row["expires_at"], datetime)
    return row["expires_at"]


def close_to(moment: datetime | None, expected: datetime) -> bool:
    return moment is not None and abs(moment - expected) < timedelta(seconds=1)


def test_the_third_message_in_a_week_pauses_for_two(gateway: Gateway) -> None:
    """Two soft bounces cause no pause; the third pauses for 14 days from then, for every email, with the reason."""
    start = now(gateway) - 3 * DAY
    settle_events(gateway, soft("kim@example.net", "m1", start), soft("kim@example.net", "m2", start + DAY))
    assert rows(gateway, "suppressions") == []
    settle_events(gateway, soft("kim@example.net", "m3", start + 2 * DAY))
    [row] = rows(gateway, "suppressions")
    assert (row["scope"], row["origin"], row["expires_at"]) == ("*", "bounce", start + 16 * DAY)
    assert row["reason"] == "3 emails bounced softly within 7 days."


@pytest.mark.parametrize(
    "hours, paused", [([0, 1, 2], True), ([0, 80, 168], True), ([0, 80, 169], False), ([0, 160, 170, 175], True)]
)
def test_the_three_lie_within_seven_days(gateway: Gateway, hours: list[int], paused: bool) -> None:
    """A bounce of eight days ago no longer counts."""
    start = now(gateway) - 8 * DAY
    settle_events(gateway, *(soft("kim@example.net", f"m{hour}", start + timedelta(hours=hour)) for hour in hours))
    assert (paused_until(gateway, "kim@example.net") is not None) is paused


def test_one_message_counts_once(gateway: Gateway) -> None:
    """Many bounces of one message are one reason."""
    start = now(gateway) - DAY
    again = [
        bounced("kim@example.net", message="m1", kind="Transient", feedback_id=f"f{number}", at=start)
        for number in range(5)
    ]
    settle_events(gateway, *again, soft("kim@example.net", "m2", start))
    assert rows(gateway, "suppressions") == []


def test_a_late_bounce_ends_no_pause(gateway: Gateway) -> None:
    """One bounce days after the three, of an email already on its way, is no sign that the mailbox works."""
    start = now(gateway) - 12 * DAY
    settle_events(gateway, *(soft("kim@example.net", f"m{number}", start) for number in range(3)))
    until = paused_until(gateway, "kim@example.net")
    settle_events(gateway, soft("kim@example.net", "m9", start + 11 * DAY))
    assert until == start + 14 * DAY
    assert paused_until(gateway, "kim@example.net") == until


def test_a_newer_delivery_ends_the_pause(gateway: Gateway) -> None:
    """Email arrived again: Postern ends the pause, and the bounces before it no longer count."""
    start = now(gateway) - 2 * DAY
    settle_events(gateway, *(soft("kim@example.net", f"m{number}", start) for number in range(3)))
    settle_events(gateway, delivered("kim@example.net", message="m4", at=start + DAY))
    assert paused_until(gateway, "kim@example.net") is None
    [row] = rows(gateway, "suppressions")
    assert (row["removed_by"], row["ses_removal"]) == ("postern", None)
    settle_events(gateway, *(soft("kim@example.net", f"n{number}", start + 1.5 * DAY) for number in range(2)))
    assert paused_until(gateway, "kim@example.net") is None


def test_each_pause_served_doubles_the_next(gateway: Gateway) -> None:
    """14 days, then 28, then 56, when the mailbox still bounces after each pause."""
    for number, length in enumerate((14, 28, 56)):
        at = now(gateway) + timedelta(milliseconds=10)
        for message in range(4):
            settle_events(gateway, soft("kim@example.net", f"m{number}-{message}", at))
        assert close_to(paused_until(gateway, "kim@example.net"), at + length * DAY), length
        serve(gateway, "kim@example.net")


def test_a_pause_that_the_sweep_has_ended_counts_as_served(gateway: Gateway) -> None:
    """It is a tombstone of the moment when it expired, gone from Redis, and the next pause is twice as long."""
    gateway.upkeep.warm_positives()
    start = now(gateway) - DAY
    settle_events(gateway, *(soft("kim@example.net", f"m{number}", start) for number in range(3)))
    served = serve(gateway, "kim@example.net")
    assert gateway.upkeep.run(Sweep.SUPPRESSIONS) == 1
    assert gateway.upkeep.run(Sweep.SUPPRESSIONS) == 0
    [row] = rows(gateway, "suppressions")
    assert (row["removed_at"], row["removed_by"]) == (served, "postern")
    assert gateway.positives.look_up(["kim@example.net"]) == frozenset()
    at = served + timedelta(milliseconds=20)
    settle_events(gateway, *(soft("kim@example.net", f"n{number}", at) for number in range(3)))
    assert close_to(paused_until(gateway, "kim@example.net"), at + 28 * DAY)


def test_a_bounce_after_a_pause_is_the_first_of_three(gateway: Gateway) -> None:
    """The bounces that led to a pause no longer count after it."""
    start = now(gateway) - DAY
    settle_events(gateway, *(soft("kim@example.net", f"m{number}", start) for number in range(3)))
    served = serve(gateway, "kim@example.net")
    settle_events(
        gateway, *(soft("kim@example.net", f"n{number}", served + timedelta(seconds=1)) for number in range(2))
    )
    assert paused_until(gateway, "kim@example.net") is None


def test_a_delivery_after_a_pause_resets_the_length(gateway: Gateway) -> None:
    """The next pause is 14 days again."""
    start = now(gateway) - DAY
    settle_events(gateway, *(soft("kim@example.net", f"m{number}", start) for number in range(3)))
    served = serve(gateway, "kim@example.net")
    settle_events(gateway, delivered("kim@example.net", message="d", at=served + timedelta(milliseconds=10)))
    at = served + timedelta(milliseconds=20)
    settle_events(gateway, *(soft("kim@example.net", f"n{number}", at) for number in range(3)))
    assert close_to(paused_until(gateway, "kim@example.net"), at + 14 * DAY)


def test_soft_bounces_of_email_sent_before_a_removal_pause_no_address(gateway: Gateway) -> None:
    """Promise 6: late or many, they are about emails from before the removal."""
    who = caller(gateway)
    gateway.suppress.add(who, "kim@example.net")
    gateway.unsuppress(who, "kim@example.net", reason="She asked for it.", wait_for_ses=False)
    later = now(gateway) + timedelta(seconds=1)
    old = [soft("kim@example.net", f"old{number}", later, sent_at=later - timedelta(hours=1)) for number in range(3)]
    settle_events(gateway, *old)
    assert paused_until(gateway, "kim@example.net") is None
    settle_events(
        gateway, *(soft("kim@example.net", f"new{number}", later + DAY, sent_at=later) for number in range(3))
    )
    assert close_to(paused_until(gateway, "kim@example.net"), later + 15 * DAY)


def test_a_pause_neither_replaces_nor_shortens_a_hard_bounce(gateway: Gateway) -> None:
    """In either order, an address whose mailbox is gone stays suppressed without an end."""
    at = now(gateway) - DAY
    for address, hard_first in (("one@example.net", True), ("two@example.net", False)):
        softs = [soft(address, f"{address}{number}", at) for number in range(3)]
        gone = bounced(address, message=f"{address}-gone", at=at)
        settle_events(gateway, *([gone, *softs] if hard_first else [*softs, gone]))
        [live] = rows(gateway, "suppressions", key=address, removed_at=None)
        assert live["expires_at"] is None


@given(
    drawn=st.lists(st.tuples(st.integers(0, 14), st.sampled_from(["soft", "delivery"])), min_size=2, max_size=6),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_pause_does_not_depend_on_the_order_of_the_events(
    gateway: Gateway, drawn: list[tuple[int, str]], order: object
) -> None:
    """In whatever order SNS brings bounces and deliveries, the address is paused until the same moment."""
    start = now(gateway).replace(microsecond=0) - 15 * DAY
    ends = []
    for shuffle in (False, True):
        address = fresh_address()
        events = [
            soft(address, f"{address}{number}", start + day * DAY + timedelta(minutes=number))
            if kind == "soft"
            else delivered(address, message=f"{address}{number}", at=start + day * DAY + timedelta(minutes=number))
            for number, (day, kind) in enumerate(drawn)
        ]
        if shuffle:
            events.append(events[0])
            order.shuffle(events)  # type: ignore[attr-defined]
        settle_events(gateway, *events)
        ends.append(paused_until(gateway, address))
    assert ends[0] == ends[1]


def laid_to_us(message: str, at: datetime) -> Event:
    """A refusal that names our reputation."""
    fields = {"action": "failed", "status": "5.7.1", "diagnosticCode": "smtp; 550 5.7.1 Poor reputation, access denied"}
    return bounced("kim@example.net", message=message, fields=fields, at=at)


def test_a_mailbox_that_alone_refuses_us_again_and_again_is_paused(gateway: Gateway) -> None:
    """While others of its domain get email, the fault is not ours; the explanation says so. A delivery ends it."""
    start = now(gateway) - 5 * DAY
    settle_events(gateway, *(laid_to_us(f"m{number}", start + number * DAY) for number in range(3)))
    assert rows(gateway, "suppressions") == []
    assert "3 of 3 refusals that are laid to us" in gateway.explain(ROOT, "kim@example.net").layers[5].summary
    settle_events(gateway, delivered("ann@example.net", message="m8", at=start + 3 * DAY))
    settle_events(gateway, laid_to_us("m9", start + 4 * DAY))
    [row] = rows(gateway, "suppressions")
    assert row["reason"] == "4 emails in a row were refused as our fault, while others of its domain got email."
    assert row["expires_at"] == start + 18 * DAY
    settle_events(gateway, delivered("kim@example.net", message="m10", at=start + 4 * DAY + timedelta(hours=1)))
    assert paused_until(gateway, "kim@example.net") is None


def test_refusals_laid_to_us_by_a_whole_domain_pause_none(gateway: Gateway) -> None:
    """A delivery elsewhere proves nothing about this domain."""
    start = now(gateway) - 9 * DAY
    settle_events(gateway, delivered("ann@example.org", message="m0", at=start + 8 * DAY))
    settle_events(gateway, *(laid_to_us(f"m{number}", start + number * DAY) for number in range(1, 8)))
    assert rows(gateway, "suppressions") == []
