"""Which events follow from a move of a recipient, and when a delivery and its endpoint are tried again."""

from datetime import timedelta
from itertools import product

import pytest

from app.domain.sending.state_machine import TAKEN_BY_SES, State
from app.domain.webhooks.events import OF_OPERATOR, SUBSCRIBABLE, Standing, WebhookEvent, events_of
from app.domain.webhooks.retries import WAITS, concerns_endpoint, endpoint_wait, wait_after

SILENT = {State.QUEUED, State.SENDING, State.RETRY_WAIT, State.SENT}


@pytest.mark.parametrize("before, after", list(product(State, State)))
def test_a_state_is_told_when_it_is_reached(before: State, after: State) -> None:
    """Once, under its own name; states of our own work are not told, and `sent` follows from the message id."""
    known = Standing(state=before, taken=before in TAKEN_BY_SES)
    told = list(events_of(known, Standing(state=after, taken=known.taken)))
    if before is after or after in SILENT:
        assert told == []
    else:
        assert told == [WebhookEvent(f"email.{after}")]


def test_an_email_is_sent_once_ses_has_it() -> None:
    """In whatever state that is learned, and before what followed."""
    told = list(events_of(Standing(state=State.SENDING), Standing(state=State.BOUNCED, taken=True)))
    assert told == [WebhookEvent.EMAIL_SENT, WebhookEvent.EMAIL_BOUNCED]


def test_opens_and_clicks_are_told_once() -> None:
    """Also where both are learned at once."""
    delivered = Standing(state=State.DELIVERED, taken=True)
    read = Standing(state=State.DELIVERED, taken=True, opened=True, clicked=True)
    assert list(events_of(delivered, read)) == [WebhookEvent.EMAIL_OPENED, WebhookEvent.EMAIL_CLICKED]
    assert list(events_of(read, read)) == []


def test_tests_and_the_operators_events_cannot_be_subscribed_to() -> None:
    """A test goes to the endpoint that was asked for; an operator's events concern all applications."""
    assert set(WebhookEvent) - set(SUBSCRIBABLE) == {WebhookEvent.WEBHOOK_TEST, *OF_OPERATOR}


def test_a_delivery_is_tried_for_about_three_days() -> None:
    """With growing waits; then it is given up."""
    waits = [wait_after(tries) for tries in range(1, len(WAITS) + 2)]
    assert waits == [*sorted(WAITS), None]
    assert timedelta(days=2, hours=20) < sum(WAITS, timedelta()) < timedelta(days=3)


def test_an_endpoint_is_left_alone_for_minutes_at_most() -> None:
    """What waits goes on soon after it is back."""
    waits = [endpoint_wait(failures) for failures in range(1, 50)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(seconds=5), timedelta(minutes=5))


@pytest.mark.parametrize(
    "status, about_endpoint",
    [(None, True), (301, True), (400, False), (404, False), (408, True), (410, False), (429, True), (500, True)],
)
def test_a_4xx_is_about_one_event(status: int | None, *, about_endpoint: bool) -> None:
    """Everything else says that the endpoint is in trouble."""
    assert concerns_endpoint(status) is about_endpoint
