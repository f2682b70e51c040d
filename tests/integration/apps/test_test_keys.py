"""Test keys: email goes the whole way except to SES, and ends as SES's mailbox simulator would have it."""

from collections.abc import Iterator
from typing import Any, get_args
from unittest.mock import Mock

import pytest

from app.domain.apps.callers import Caller, Scope
from app.domain.apps.key_kinds import KeyKind
from app.domain.errors import Conflict, NotFound, RestrictedApiKey, ValidationFailed
from app.domain.reporting.outcome_links import LinkKind
from app.domain.sending.state_machine import State
from app.domain.sending.trying import TEST_LANE
from app.queue import DELIVER_TESTS, Bells, Lane
from app.services.paging import Page
from app.services.reporting.outcome_links import LinkWish
from app.services.reporting.outcomes import OutcomeFilter
from app.services.submission.doors.submit_raw import RawSubmission
from app.services.submission.look_up import EmailFilter
from app.web.http.fields import LaneSought
from app.wiring.gateway import Gateway
from tests.support.apps.trying import BOUNCE, COMPLAINT, SCOPES, finish, trier, try_out
from tests.support.gateway.early_mailers import ScriptedEarlyMailer
from tests.support.gateway.emails import ROOT, state_of, submit
from tests.support.gateway.forgetting import suppress
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on, issue
from tests.support.gateway.rows import outcomes, rows
from tests.support.gateway.web import MAIL, Web, body_of, web_on
from tests.support.webhooks.endpoints import scripted, subscribe

ANN = "ann@example.net"
SIMULATOR = "simulator.amazonses.com"

on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


def listed(gateway: Gateway, who: Caller) -> set[Any]:
    return {one.id for one in gateway.look_up.emails(who, EmailFilter(), Page(10)).data}


@pytest.mark.parametrize(
    "address, state, events",
    [
        (ANN, State.DELIVERED, ["delivery"]),
        (f"success@{SIMULATOR}", State.DELIVERED, ["delivery"]),
        (f"bounce+1@{SIMULATOR}", State.BOUNCED, ["bounce"]),
        (f"complaint@{SIMULATOR}", State.COMPLAINED, ["complaint", "delivery"]),
        (f"ooto@{SIMULATOR}", State.DELIVERED, ["bounce", "delivery"]),
        (f"suppressionlist@{SIMULATOR}", State.BOUNCED, ["bounce"]),
    ],
)
@on_sqlite
def test_the_address_says_what_becomes_of_a_test_email(
    gateway: Gateway, mailer: ScriptedMailer, address: str, state: State, events: list[str]
) -> None:
    """As at SES's mailbox simulator, with an attempt, a timeline and a message id that shows what it is."""
    email = try_out(gateway, trier(gateway), address)
    [recipient] = gateway.look_up.email(ROOT, email).recipients
    assert (recipient.state, outcomes(gateway, email)) == (state, ["accepted"])
    assert str(recipient.ses_message_id).startswith("test-")
    assert sorted(row["type"].lower() for row in rows(gateway, "events")) == events
    assert mailer.sent == []


def test_several_recipients_have_a_fate_each(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Also where many rows are written by one statement; live email is sent beside them."""
    who = trier(gateway)
    tried = submit(gateway, who, ANN, BOUNCE, COMPLAINT)
    submit(gateway, caller(gateway), "ben@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["ben@example.net"]
    finish(gateway)
    states = [one.state for one in gateway.look_up.email(who, tried).recipients]
    assert states == [State.DELIVERED, State.BOUNCED, State.COMPLAINED]


@on_sqlite
def test_no_transport_is_asked(migrated_url: str, redis_url: str) -> None:
    """Nor the one that does not wait for answers."""
    mailer = ScriptedEarlyMailer()
    with gateway_on(migrated_url, redis_url, mailer=mailer) as gateway:
        email = try_out(gateway, trier(gateway), ANN)
        assert (state_of(gateway, email), mailer.sent) == (State.DELIVERED, [])


@on_sqlite
def test_a_suppressed_address_gets_no_test_email_either(gateway: Gateway) -> None:
    """The list is asked at acceptance and in the claim."""
    who = trier(gateway)
    waiting = submit(gateway, who, ANN)
    suppress(gateway, ANN)
    finish(gateway)
    assert [state_of(gateway, one) for one in (waiting, submit(gateway, who, ANN))] == [State.SUPPRESSED] * 2


@on_sqlite
def test_the_bells_ring_for_test_email(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for email that is due later, by the sweep."""
    ring = Mock(return_value=True)
    monkeypatch.setattr(Bells, "ring", ring)
    submit(gateway, trier(gateway), ANN)
    gateway.upkeep.ring_bells()
    assert [call.args[-1] for call in ring.call_args_list] == [DELIVER_TESTS] * 2


@on_sqlite
def test_test_email_has_a_lane_of_its_own(gateway: Gateway) -> None:
    """Whichever it names: a process of the release before, which takes the other two, never sends it."""
    email = submit(gateway, trier(gateway), ANN, lane=Lane.BULK)
    assert {row["lane"] for row in (*rows(gateway, "emails"), *rows(gateway, "recipients"))} == {TEST_LANE}
    for lane in Lane:
        gateway.deliver.drain(lane)
    assert state_of(gateway, email) is State.QUEUED


@on_sqlite
def test_each_mode_sees_its_own_email(gateway: Gateway) -> None:
    """In lists, by id and in outcomes; an administrator sees both among the emails, and live ones in outcomes."""
    live, test = caller(gateway), trier(gateway)
    sent, tried = submit(gateway, live, ANN), submit(gateway, test, ANN)
    for who, own, other in ((live, sent, tried), (test, tried, sent)):
        assert listed(gateway, who) == {own}
        gateway.look_up.email(who, own)
        for ask in (gateway.look_up.email, gateway.look_up.timeline, gateway.revise.cancel):
            with pytest.raises(NotFound):
                ask(who, other)
        found = gateway.reporting.outcomes.page(who, OutcomeFilter(), Page(10)).data
        assert [one.email_id for one in found] == [own]
        due = gateway.look_up.emails(who, EmailFilter(is_due=True), Page(10)).data
        assert [one.id for one in due] == [own]
    assert listed(gateway, ROOT) == {sent, tried}
    assert [one.email_id for one in gateway.reporting.outcomes.page(ROOT, OutcomeFilter(), Page(10)).data] == [sent]
    gateway.revise.cancel(test, tried)
    with pytest.raises(Conflict):
        gateway.revise.cancel(test, tried)


@on_sqlite
def test_test_email_is_found_by_its_lane(web: Web) -> None:
    """By whoever sees it; a test key has email in no other lane. What is due includes it only when it is asked for."""
    test, live = web.key("invites", *SCOPES, kind=KeyKind.TEST), web.key()
    admin = web.key("operators", Scope.ADMIN)
    tried, sent = web.submit(test), web.submit(live)
    for headers, words, found in (
        (admin, "lane=test", [tried]),
        (admin, "lane=test&due=true", [tried]),
        (admin, "lane=transactional", [sent]),
        (admin, "due=true", [sent]),
        (test, "lane=test", [tried]),
        (test, "lane=transactional", []),
        (test, "lane=transactional&due=true", []),
        (live, "lane=test", []),
        (live, "lane=transactional", [sent]),
    ):
        answered = body_of(web.client.get(f"/v1/emails?{words}", headers=headers))
        assert [one["id"] for one in answered["data"]] == found, (words, found)


def test_the_lanes_that_are_sought_are_those_that_there_are() -> None:
    """Each lane of `app.queue`, and that of test email."""
    assert get_args(LaneSought) == (*Lane, TEST_LANE)


def test_a_test_supersedes_tests_only(gateway: Gateway) -> None:
    """And live email supersedes live email only."""
    live, test = caller(gateway), trier(gateway)
    first = [submit(gateway, who, ANN, supersedes="invite-1") for who in (live, test)]
    second = submit(gateway, test, ANN, supersedes="invite-1")
    assert [state_of(gateway, one) for one in (*first, second)] == [State.QUEUED, State.CANCELED, State.QUEUED]


@on_sqlite
def test_a_test_is_not_taken_for_the_live_request_that_follows(web: Web) -> None:
    """Under the same idempotency key; each is still answered once."""
    once = {"Idempotency-Key": "i" * 256}
    test, live = (key | once for key in (web.key("invites", *SCOPES, kind=KeyKind.TEST), web.key()))
    ids = [body_of(web.client.post("/v1/emails", json=MAIL, headers=key))["id"] for key in (test, live, test, live)]
    assert ids == [ids[0], ids[1]] * 2
    assert ids[0] != ids[1]


@on_sqlite
def test_a_test_email_is_marked(web: Web) -> None:
    """In the API as in what endpoints get; live email is marked as live."""
    posted = scripted(web.gateway)
    subscribe(web.gateway, caller(web.gateway), "email.delivered", "email.sent")
    test = web.key("invites", *SCOPES, kind=KeyKind.TEST)
    tried = web.submit(test)
    assert web.email(test, tried)["mode"] == "test"
    finish(web.gateway)
    web.gateway.webhooks.deliver.drain()
    assert {(one.type, one.json["data"]["mode"]) for one in posted.got} == {
        ("email.sent", "test"),
        ("email.delivered", "test"),
    }
    live = web.key()
    assert web.email(live, web.submit(live))["mode"] == "live"


@pytest.mark.parametrize("scope", [Scope.ADMIN, Scope.SUPPRESSIONS_WRITE, Scope.WEBHOOKS_WRITE, Scope.METRICS_READ])
@on_sqlite
def test_a_test_key_changes_nothing_of_live_email(gateway: Gateway, scope: Scope) -> None:
    """It has no scope to."""
    with pytest.raises(ValidationFailed) as error:
        issue(gateway, kind=KeyKind.TEST, scopes=frozenset({scope}))
    assert [(fault.pointer, fault.code) for fault in error.value.faults] == [("/scopes", "not_of_this_kind")]


@on_sqlite
def test_a_test_key_makes_no_link_to_outcomes(gateway: Gateway) -> None:
    """They would be those of live email."""
    with pytest.raises(RestrictedApiKey, match="needs a live key"):
        gateway.reporting.outcome_links.create(trier(gateway), LinkWish(kind=LinkKind.STREAM, value="default"))


@on_sqlite
def test_a_raw_message_can_be_tried(gateway: Gateway) -> None:
    """The doors beside the API accept for the same caller."""
    raw = b"From: invites@example.com\r\nTo: %s\r\nSubject: Hi\r\n\r\nHi.\r\n" % BOUNCE.encode()
    receipt = gateway.submit_raw(trier(gateway), RawSubmission(raw=raw))
    finish(gateway)
    assert state_of(gateway, receipt.id) is State.BOUNCED
