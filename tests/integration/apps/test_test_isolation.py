"""Test email changes nothing for live email: no list, count, limit, rate, circuit or proof."""

from datetime import timedelta
from unittest.mock import Mock

import pytest

from app.domain.apps.callers import Caller
from app.domain.message.address import MAILBOX_SIMULATOR
from app.domain.operating.histograms import ACCEPTED_CALLED, CALLED_DELIVERED, SES_ANSWER
from app.domain.sending.state_machine import State
from app.domain.sending.trying import TEST_LANE
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.services.apps.app_options import AppOptions
from app.services.operating.sweeps import Sweep
from app.services.operating.traffic import traffic
from app.store.apps import streams
from app.store.engine.database import clock
from app.store.feedback import notifications
from app.store.reporting import minutes
from app.store.sending import attempts, circuits, unconfirmed
from app.wiring.gateway import Gateway
from tests.support.apps.trying import BOUNCE, COMPLAINT, finish, trier, try_out
from tests.support.gateway.emails import ROOT, state_of, submit, take
from tests.support.gateway.gateways import ScriptedMailer, gateway_on, issue, replace_call_parts, replace_parts
from tests.support.gateway.rows import age, change, count, make_due, recipient_of, rows
from tests.support.gateway.unconfirmed import be_quiet

ANN = "ann@example.net"
HOUR = timedelta(hours=1)


@pytest.fixture
def migrated_url(migrated_sqlite_url: str) -> str:
    """One database is enough: what is left out is left out of the same statements."""
    return migrated_sqlite_url


@pytest.fixture
def who(gateway: Gateway) -> Caller:
    return trier(gateway)


def test_nothing_is_counted(gateway: Gateway, who: Caller) -> None:
    """Neither for charts, budgets and the reputation, nor for the metrics, nor for the last hour."""
    submit(gateway, who, ANN, ANN)
    for address in (BOUNCE, COMPLAINT, ANN):
        try_out(gateway, who, address)
    gateway.upkeep.run(Sweep.COUNTS)
    for table in ("count_changes", "hourly_counts", "daily_counts", "tallies", "app_usage"):
        assert rows(gateway, table) == [], table
    with gateway.database.reading() as connection:
        assert minutes.by_minute(connection, since=clock(connection) - HOUR) == {}
        assert attempts.begun_since(connection, clock(connection) - HOUR, limit=10) == 0


def test_no_time_of_it_is_observed(gateway: Gateway, who: Caller) -> None:
    """SES did not take it, did not answer and did not deliver it."""
    try_out(gateway, who, ANN)
    gateway.write_timings.write()
    observed = {row["what"] for row in rows(gateway, "tallies")}
    assert observed.isdisjoint({ACCEPTED_CALLED, SES_ANSWER, CALLED_DELIVERED})


def test_no_address_is_suppressed_or_pardoned(migrated_url: str, redis_url: str) -> None:
    """Whatever the setting of the mailbox simulator says: the events are about no address."""
    with gateway_on(migrated_url, redis_url, exempt_mailbox_simulator=False) as gateway:
        who = trier(gateway)
        for address in (BOUNCE, COMPLAINT, f"suppressionlist@{MAILBOX_SIMULATOR}", ANN):
            try_out(gateway, who, address)
        assert [count(gateway, name) for name in ("suppressions", "suppression_events", "incidents")] == [0, 0, 0]
        assert {row["key"] for row in rows(gateway, "events")} == {None}
        assert {row["domain"] for row in rows(gateway, "events")} == {None}


def test_a_limit_is_for_live_email(gateway: Gateway, who: Caller) -> None:
    """An application over its limit of the day tries on."""
    gateway.apps.change(ROOT, "invites", AppOptions(emails_per_day=1))
    limited = gateway.authenticate(f"Bearer {issue_test_token(gateway)}")
    for _ in range(3):
        submit(gateway, limited, ANN)
    assert count(gateway, "emails") == 3


def issue_test_token(gateway: Gateway) -> str:
    return issue(gateway, kind=trier(gateway).kind, scopes=trier(gateway).scopes).token


def test_no_send_rate_is_taken(gateway: Gateway, who: Caller) -> None:
    """Nor asked for: a test goes on while SES throttles."""
    pace = Mock()
    replace_parts(gateway, pace=pace)
    try_out(gateway, who, ANN)
    assert pace.mock_calls == []


def test_a_test_email_ends_and_tries_no_circuit(gateway: Gateway, who: Caller, mailer: ScriptedMailer) -> None:
    """It proves nothing about SES: the probe is left for a live email, and the circuit stays."""
    with gateway.database.transaction() as connection:
        circuits.trip(connection, "sender:example.org", reason="Not verified.", claimed_at=clock(connection))
        circuits.trip(connection, "account", reason="Paused.", claimed_at=clock(connection))
    before = rows(gateway, "circuits")
    submit(gateway, who, ANN)
    make_due(gateway)
    made = rows(gateway, "circuits")
    gateway.deliver.drain(TEST_LANE)
    assert rows(gateway, "circuits") == made
    change(gateway, "circuits", {"scope": "stream:other/x"}, scope="account")
    gateway.deliver.drain(TEST_LANE)
    assert {row["scope"] for row in rows(gateway, "circuits")} == {"sender:example.org", "stream:other/x"}
    assert (len(before), mailer.sent) == (2, [])


def test_an_accepted_test_closes_no_circuit(gateway: Gateway, who: Caller) -> None:
    """One for all email would be closed by any live email that SES takes."""
    submit(gateway, who, ANN)
    with gateway.database.transaction() as connection:
        now = clock(connection)

    class Trips:
        """Opens a circuit while the test email is claimed."""

        def together(self, emails: list[object]) -> list[None]:
            with gateway.database.transaction() as connection:
                circuits.trip(connection, "account", reason="Paused.", claimed_at=now)
            return [None] * len(emails)

        def __call__(self, _: object) -> None:
            self.together([])

    replace_call_parts(gateway, last_look=Trips())
    gateway.deliver.drain(TEST_LANE)
    assert [row["state"] for row in rows(gateway, "recipients")] == ["sent"]
    assert [row["scope"] for row in rows(gateway, "circuits")] == ["account"]


def test_a_test_proves_nothing_about_notifications(gateway: Gateway, who: Caller) -> None:
    """Its events hide no silence of SNS, and its calls are no peers of one without an answer."""
    for _ in range(3):
        try_out(gateway, who, ANN)
    age(gateway, "attempts", "started_at", HOUR)
    with gateway.database.reading() as connection:
        now = clock(connection)
        assert notifications.last_received(connection) is None
        found = attempts.accepted_between(connection, now - 2 * HOUR, now, besides_domain=MAILBOX_SIMULATOR, limit=9)
        peers = unconfirmed.peers(connection, now - HOUR, canary_key="none")
        under_way = traffic(connection)
    assert (found, peers.accepted) == (0, 0)
    assert (under_way.waiting, under_way.sent_recently) == (0, False)


@pytest.mark.parametrize("policy", OnUnconfirmed)
def test_a_test_email_of_a_worker_that_died_is_tried_again(
    gateway: Gateway, who: Caller, mailer: ScriptedMailer, policy: OnUnconfirmed
) -> None:
    """It did not go to SES, so nothing has to be proven: no canary is sent, and no person has to decide."""
    email = submit(gateway, who, ANN, on_unconfirmed=policy)
    assert take(gateway, lane=TEST_LANE).emails
    age(gateway, "recipients", "lease_until", HOUR)
    gateway.upkeep.run(Sweep.LEASES)
    assert state_of(gateway, email) is State.UNCONFIRMED
    be_quiet(gateway)
    assert gateway.reconcile.sweep() == 1
    assert count(gateway, "recipients") == 1
    finish(gateway)
    assert (state_of(gateway, email), mailer.sent) == (State.DELIVERED, [])


def test_a_link_of_a_test_email_unsubscribes_from_nothing(gateway: Gateway, who: Caller) -> None:
    """Nobody got it."""
    email = try_out(gateway, who, ANN)
    with gateway.database.reading() as connection:
        assert streams.subscriber(connection, recipient_of(gateway, email).id) is None
