"""SES takes email and no notification arrives: an operator sees it within the hour, before the addresses are needed."""

from datetime import timedelta

import pytest

from app.queue import Lane
from app.services.operating.sweeps import Sweep
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import delivery, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, rows

SIMULATOR = "success@simulator.amazonses.com"


def send(gateway: Gateway, *, emails: int, ago: timedelta, to: str | None = None) -> None:
    """Send some emails, all of which left so long ago."""
    who = caller(gateway)
    for number in range(emails):
        submit(gateway, who, to or f"{number}@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    age(gateway, "attempts", "started_at", ago)


def is_silent(gateway: Gateway) -> bool:
    """Sweep, and look whether the incident is open."""
    gateway.upkeep.run(Sweep.SILENCE)
    return bool(rows(gateway, "incidents", kind="feedback_silent", closed_at=None))


@pytest.mark.parametrize(
    "emails, minutes, silent", [(20, 31, True), (19, 31, False), (20, 29, False), (3, 361, True), (2, 361, False)]
)
def test_email_without_any_notification_is_a_silence(gateway: Gateway, emails: int, minutes: int, silent: bool) -> None:
    """Many emails show it soon, a few after some hours; one or two may have slow servers."""
    send(gateway, emails=emails, ago=timedelta(minutes=minutes))
    assert is_silent(gateway) is silent


def test_a_notification_since_then_is_no_silence(gateway: Gateway) -> None:
    """Whichever email it is about."""
    send(gateway, emails=20, ago=timedelta(hours=7))
    feed(gateway, delivery(gateway, submit(gateway, caller(gateway), "kim@example.net")))
    assert not is_silent(gateway)


def test_a_silence_after_earlier_notifications_is_noticed(gateway: Gateway) -> None:
    """The path worked once."""
    feed(gateway, delivery(gateway, submit(gateway, caller(gateway), "kim@example.net")))
    age(gateway, "notifications", "received_at", timedelta(hours=2))
    send(gateway, emails=20, ago=timedelta(hours=1))
    assert is_silent(gateway)


def test_the_next_notification_ends_the_silence(gateway: Gateway) -> None:
    """Nothing has to be closed by hand."""
    send(gateway, emails=20, ago=timedelta(hours=1))
    assert is_silent(gateway)
    assert is_silent(gateway)
    (incident,) = rows(gateway, "incidents", kind="feedback_silent")
    assert incident["count"] == 1
    age(gateway, "incidents", "last_at", timedelta(seconds=1))
    feed(gateway, delivery(gateway, submit(gateway, caller(gateway), "kim@example.net")))
    assert not is_silent(gateway)


def test_email_to_the_mailbox_simulator_is_no_sign(gateway: Gateway) -> None:
    """Nothing is lost with its events, and the canary has an incident of its own."""
    send(gateway, emails=20, ago=timedelta(hours=1), to=SIMULATOR)
    assert not is_silent(gateway)
