"""Events go to the endpoints that subscribe to them, signed, in order, at least once; no endpoint waits for another."""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from resend.webhooks._webhooks import Webhooks

from app.domain.webhooks.post_result import PostResult
from app.domain.webhooks.retries import WAITS
from app.services.paging import Page
from app.services.webhooks.turn import WEBHOOK_UNSIGNED
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import bounce, delivery, feed
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change, count, rows
from tests.support.webhooks.endpoints import (
    ACCEPTED,
    BROKEN,
    REFUSED,
    SILENT,
    SLOWLY_BROKEN,
    Posted,
    let_wait_end,
    scripted,
    sent_to,
    states,
    subscribe,
)

SLOW_URL = "https://slow.example.org/hooks"


def test_a_bounce_is_told_to_the_application(gateway: Gateway) -> None:
    """The endpoint gets both events of the email, in order, signed with its secret, and both are recorded."""
    who, poster = caller(gateway), scripted(gateway)
    added = subscribe(gateway, who, "email.sent", "email.bounced")
    [email] = sent_to(gateway, who, "kim@example.net")
    feed(gateway, bounce(gateway, email))

    assert gateway.webhooks.deliver.drain() == 2

    assert poster.types() == ["email.sent", "email.bounced"]
    told = poster.got[1].json["data"]
    assert (told["email_id"], told["to"], told["sequence"]) == (str(email), ["kim@example.net"], 2)
    assert told["cause"] == "mailbox_gone"
    assert told["bounce"]["type"] == "Permanent"
    for posted in poster.got:
        headers = {name: posted.headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
        options = {"payload": posted.body.decode(), "headers": headers, "webhook_secret": added.secret}
        Webhooks.verify(options)  # type: ignore[arg-type]
    assert states(gateway, who, added.endpoint.id) == ["delivered", "delivered"]
    [_, first] = gateway.webhooks.deliveries.page(who, added.endpoint.id, Page(limit=10)).data
    [attempt] = gateway.webhooks.deliveries.get(who, added.endpoint.id, first.id).attempts
    assert (attempt.number, attempt.outcome, attempt.status) == (1, "accepted", 200)


def test_an_event_that_is_not_taken_is_tried_for_three_days_and_stays_visible(gateway: Gateway) -> None:
    """Each try is kept; after the last one the delivery has failed. Every try has the same id."""
    who, poster = caller(gateway), scripted(gateway, lambda _: BROKEN)
    added = subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")
    for _ in range(len(WAITS)):
        assert gateway.webhooks.deliver.drain() == 1
        assert states(gateway, who, added.endpoint.id) == ["waiting"]
        assert gateway.webhooks.deliver.drain() == 0
        let_wait_end(gateway)
    gateway.webhooks.deliver.drain()

    assert states(gateway, who, added.endpoint.id) == ["failed"]
    assert len({one.id for one in poster.got}) == 1
    [row] = rows(gateway, "webhook_deliveries")
    assert (row["attempts"], row["ended_at"] is not None) == (len(WAITS) + 1, True)
    assert [one["number"] for one in rows(gateway, "webhook_attempts")] == list(range(1, len(WAITS) + 2))


def test_an_event_that_is_refused_delays_no_event_of_others(gateway: Gateway) -> None:
    """A 4xx is about this one event: all others are delivered in the same turn."""
    who = caller(gateway)
    poster = scripted(gateway, lambda posted: REFUSED if b"kim@" in posted.body else ACCEPTED)
    added = subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net", "ann@example.net", "bob@example.net")
    gateway.webhooks.deliver.drain()
    assert sorted(states(gateway, who, added.endpoint.id)) == ["delivered", "delivered", "waiting"]
    assert len(poster.got) == 3


@pytest.mark.parametrize("failure, at_first", [(SILENT, {1}), (SLOWLY_BROKEN, {1}), (BROKEN, {3, 4, 5, 6})])
def test_an_endpoint_in_trouble_gets_one_call_and_then_all_that_waits(
    gateway: Gateway, failure: PostResult, at_first: set[int]
) -> None:
    """One slow failure shows it, or a few failures in a row. Later one call tries, and lets others follow."""
    who, up = caller(gateway), threading.Event()
    poster = scripted(gateway, lambda _: ACCEPTED if up.is_set() else failure)
    added = subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, *(f"kim{number}@example.net" for number in range(12)))
    few = gateway.webhooks.deliver.drain()
    assert few in at_first
    let_wait_end(gateway)
    for _ in range(3):
        assert gateway.webhooks.deliver.drain() == 1
        assert gateway.webhooks.deliver.drain() == 0
        let_wait_end(gateway)

    up.set()
    assert gateway.webhooks.deliver.drain() == 12
    assert set(states(gateway, who, added.endpoint.id)) == {"delivered"}
    assert len(poster.got) == few + 15
    assert rows(gateway, "webhook_endpoints")[0]["failing_since"] is None


def test_calls_on_the_wire_when_a_turn_ends_are_no_further_failures(gateway: Gateway) -> None:
    """Failures are counted by turns: calls side by side do not make the endpoint wait longer."""
    who, numbers = caller(gateway), itertools.count(1)

    def side_by_side(_: Posted) -> PostResult:
        number = next(numbers)
        if number in {2, 3}:
            wait_for(lambda: len(poster.got) > 3)
        elif number > 3:
            wait_for(lambda: rows(gateway, "webhook_endpoints")[0]["failures"] == 1)
        return BROKEN

    poster = scripted(gateway, side_by_side)
    subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, *(f"kim{number}@example.net" for number in range(24)))
    assert gateway.webhooks.deliver.drain() > 3
    assert rows(gateway, "webhook_endpoints")[0]["failures"] == 1


def test_an_endpoint_that_fails_now_and_then_is_not_left_alone(gateway: Gateway) -> None:
    """Each event that it does not take waits by itself; all others follow at once."""
    who, tried = caller(gateway), set[str]()

    def every_third(posted: Posted) -> PostResult:
        fails = len(tried) % 3 == 0 and posted.headers["webhook-id"] not in tried
        tried.add(posted.headers["webhook-id"])
        return BROKEN if fails else ACCEPTED

    scripted(gateway, every_third)
    added = subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, *(f"kim{number}@example.net" for number in range(12)))
    assert gateway.webhooks.deliver.drain() == 12
    assert sorted(states(gateway, who, added.endpoint.id)) == ["delivered"] * 8 + ["waiting"] * 4
    let_wait_end(gateway)
    assert gateway.webhooks.deliver.drain() == 4


def test_a_slow_endpoint_delays_no_other(gateway: Gateway) -> None:
    """While one endpoint does not answer, the events of another arrive, also those that come later."""
    who, answer = caller(gateway), threading.Event()

    def slow(posted: Posted) -> PostResult:
        if posted.url == SLOW_URL:
            answer.wait(20)
        return ACCEPTED

    poster = scripted(gateway, slow)
    subscribe(gateway, who, "email.sent", url=SLOW_URL)
    subscribe(gateway, who, "email.sent")
    draining = threading.Thread(target=gateway.webhooks.deliver.drain)
    sent_to(gateway, who, "kim@example.net")
    draining.start()
    try:
        wait_for(lambda: len(poster.types()) == 1)
        sent_to(gateway, who, "ann@example.net")
        gateway.webhooks.deliver.wake()
        wait_for(lambda: len(poster.types()) == 2)
        assert poster.types(SLOW_URL) == ["email.sent"]
    finally:
        answer.set()
        draining.join()
    assert len(poster.types(SLOW_URL)) == 2


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until the condition holds."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_endpoints_that_stop_answering_leave_others_what_they_need(gateway: Gateway) -> None:
    """They hold every thread for calls side by side: an endpoint that finds none free gets its events all the same."""
    who, poster = caller(gateway), scripted(gateway)
    subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, *(f"kim{number}@example.net" for number in range(5)))
    lanes = gateway.webhooks.deliver.parts.lanes
    taken = lanes.take(1_000)
    assert gateway.webhooks.deliver.drain() == 5
    lanes.give_back(taken)
    assert len(poster.got) == 5


def test_the_events_of_a_recipient_keep_their_order(gateway: Gateway) -> None:
    """A later event waits while an earlier one of its recipient is tried again for the first times."""
    who, answers = caller(gateway), iter([REFUSED, REFUSED])
    poster = scripted(gateway, lambda _: next(answers, ACCEPTED))
    subscribe(gateway, who, "email.sent", "email.delivered")
    [email] = sent_to(gateway, who, "kim@example.net")
    feed(gateway, delivery(gateway, email))
    for _ in range(3):
        gateway.webhooks.deliver.drain()
        age(gateway, "webhook_endpoints", "due_at", timedelta(seconds=1))
        age(gateway, "webhook_deliveries", "due_at", timedelta(seconds=1), state="waiting", tries=1)
        age(gateway, "webhook_deliveries", "due_at", timedelta(seconds=1), state="waiting", tries=2)
    assert poster.types() == ["email.sent", "email.sent", "email.sent", "email.delivered"]


def test_an_event_that_keeps_failing_no_longer_holds_back_later_ones(gateway: Gateway) -> None:
    """After a few tries a recipient's later events are delivered: `sequence` tells their order."""
    who = caller(gateway)
    poster = scripted(gateway, lambda posted: REFUSED if posted.type == "email.sent" else ACCEPTED)
    subscribe(gateway, who, "email.sent", "email.delivered")
    [email] = sent_to(gateway, who, "kim@example.net")
    feed(gateway, delivery(gateway, email))
    for _ in range(5):
        gateway.webhooks.deliver.drain()
        let_wait_end_of_tried(gateway)
    assert poster.types()[:5] == ["email.sent"] * 4 + ["email.delivered"]


def let_wait_end_of_tried(gateway: Gateway) -> None:
    age(gateway, "webhook_endpoints", "due_at", timedelta(seconds=1))
    for tries in range(1, 5):
        age(gateway, "webhook_deliveries", "due_at", timedelta(seconds=1), state="waiting", tries=tries)


def test_the_answer_of_an_endpoint_is_kept_without_addresses(gateway: Gateway) -> None:
    """Receivers put what they got into their errors."""
    who = caller(gateway)
    scripted(gateway, lambda _: replace(BROKEN, response='{"error": "no user kim@example.net"}'))
    subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")
    gateway.webhooks.deliver.drain()
    [attempt] = rows(gateway, "webhook_attempts")
    assert "no user" in attempt["response"]
    assert "kim@" not in attempt["response"]


def test_a_secret_that_cannot_be_opened_holds_back_its_endpoint_alone(gateway: Gateway) -> None:
    """An incident says so, and nothing is sent without a signature."""
    who, poster = caller(gateway), scripted(gateway)
    added = subscribe(gateway, who, "email.sent", url=SLOW_URL)
    subscribe(gateway, who, "email.sent")
    change(gateway, "webhook_secrets", {"sealed": b"altered" * 8}, endpoint_id=added.endpoint.id)
    sent_to(gateway, who, "kim@example.net")
    gateway.webhooks.deliver.drain()
    assert (poster.types(), poster.types(SLOW_URL)) == (["email.sent"], [])
    [incident] = rows(gateway, "incidents", kind=WEBHOOK_UNSIGNED)
    assert incident["subject"] == f"invites {added.endpoint.id}"
    assert gateway.webhooks.deliver.drain() == 0


def test_an_event_whose_payload_cannot_be_made_holds_up_no_other(gateway: Gateway) -> None:
    """A fault of ours in one row is tried again like a refused event; all others are delivered."""
    who, poster = caller(gateway), scripted(gateway)
    added = subscribe(gateway, who, "email.sent")
    [email, *_] = sent_to(gateway, who, "kim@example.net", "ann@example.net", "bob@example.net")
    change(gateway, "webhook_messages", {"type": "email.unheard_of"}, email_id=email)
    assert gateway.webhooks.deliver.drain() == 2
    assert gateway.webhooks.deliver.drain() == 0
    assert sorted(states(gateway, who, added.endpoint.id)) == ["delivered", "delivered", "waiting"]
    assert [row["tries"] for row in rows(gateway, "webhook_deliveries", state="waiting")] == [1]
    assert poster.types() == ["email.sent", "email.sent"]


def test_a_deleted_endpoint_gets_nothing_more(gateway: Gateway) -> None:
    """Also what waits for it already is not sent."""
    who, poster = caller(gateway), scripted(gateway)
    added = subscribe(gateway, who, "email.sent")
    sent_to(gateway, who, "kim@example.net")
    gateway.webhooks.endpoints.delete(who, added.endpoint.id)
    gateway.webhooks.deliver.drain()
    assert (poster.got, count(gateway, "webhook_secrets")) == ([], 0)


def test_the_sweep_rings_for_due_events(gateway: Gateway) -> None:
    """A bell that was lost, or a delivery that was put off, is found within a second."""
    who = caller(gateway)
    subscribe(gateway, who, "email.sent")
    assert gateway.upkeep.ring_bells() == 0
    sent_to(gateway, who, "kim@example.net")
    assert gateway.upkeep.ring_bells() == 1
