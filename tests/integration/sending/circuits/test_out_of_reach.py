"""SES out of reach: all email waits and keeps its attempts, one email probes, and all go once SES is back."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from app.aws.clients import sesv2_client
from app.aws.ses.early_mailer import FastMailer
from app.aws.ses.fast_client import fast_client
from app.aws.ses.mailer import Mailer, SesMailer
from app.domain.sending.call_outcome import Outcome, Refused, Retry, Throttled, Tripped
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.store.sending import circuits
from app.wiring.gateway import Gateway, build
from tests.support.aws.aws_stub import surround
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.rows import age, count, make_due, recipient_of, rows
from tests.support.servers.keepalive_server import Endpoint, accepted

TRIES = 2
AWAY = Tripped("ses", "SES could not be reached: no such host, or connection refused")


@contextmanager
def free_port() -> Iterator[socket.socket]:
    """A socket at a port that refuses connections; no other process gets the port until it is closed."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder


@contextmanager
def mailer_of(transport: str) -> Iterator[Mailer]:
    """SES itself, by one of the two transports."""
    if transport == "boto3":
        with closing(sesv2_client("us-east-1", pool=4)) as slow:
            yield SesMailer(slow, configuration_set=None)
    else:
        with closing(fast_client("us-east-1", clock=lambda: datetime.now(UTC))) as fast:
            yield FastMailer(fast, configuration_set=None)


def calls_made(gateway: Gateway) -> int:
    return count(gateway, "attempts")


@pytest.mark.parametrize("transport", ["boto3", "fast"])
def test_an_outage_longer_than_all_attempts_ends_no_email(
    migrated_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    """SES refuses connections for ten times as many tries as an email has; then it is back, and every email goes.

    Meanwhile one email probes at a time, and no operator has to act.
    """
    surround(monkeypatch)
    settings = settings_for(migrated_url, redis_url, max_attempts=TRIES, flight_dir=tmp_path / "flight")
    with ExitStack() as stack:
        holder = stack.enter_context(free_port())
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", f"http://127.0.0.1:{holder.getsockname()[1]}")
        gateway = build(settings, mailer=stack.enter_context(mailer_of(transport)))
        stack.callback(gateway.close)
        emails = [submit(gateway, caller(gateway), f"r{number}@example.net") for number in range(8)]
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        for _ in range(10 * TRIES):
            made = calls_made(gateway)
            make_due(gateway)
            gateway.deliver.drain(Lane.TRANSACTIONAL)
            assert calls_made(gateway) == made + 1
        assert {state_of(gateway, email) for email in emails} <= {State.QUEUED, State.RETRY_WAIT}
        assert {recipient_of(gateway, email).attempts for email in emails} == {0}
        [circuit] = rows(gateway, "circuits")
        assert circuit["scope"] == "ses"
        port = holder.getsockname()[1]
        holder.close()
        server = stack.enter_context(closing(Endpoint(answer=accepted, port=port)))
        make_due(gateway)
        for _ in range(2):
            gateway.deliver.drain(Lane.TRANSACTIONAL)
        assert {state_of(gateway, email) for email in emails} == {State.SENT}
        assert (len(server.requests), count(gateway, "circuits")) == (len(emails), 0)


def test_ses_is_tried_every_ten_seconds(gateway: Gateway) -> None:
    """However long it is away: email goes on within seconds of its return, where other circuits wait up to minutes."""
    for scope, longest in (("ses", 10), ("account", 300)):
        for _ in range(8):
            with gateway.database.transaction() as connection:
                circuits.trip(connection, scope, reason="Away.")
        [row] = rows(gateway, "circuits", scope=scope)
        with gateway.database.transaction() as connection:
            waits = (row["probe_at"] - row["opened_at"]).total_seconds()
        assert longest - 1 < waits < longest + 5


def drain_all(gateway: Gateway) -> None:
    gateway.deliver.drain(Lane.TRANSACTIONAL)


def submit_to(gateway: Gateway, *names: str) -> list[UUID]:
    who = caller(gateway)
    return [submit(gateway, who, f"{name}@example.net") for name in names]


def test_a_connection_that_fails_beside_others_that_succeed_opens_no_circuit(
    gateway: Gateway, mailer: ScriptedMailer
) -> None:
    """Other calls of that moment show that SES can be reached: no circuit opens, and the email retries in a second."""
    mailer.answers["ann@example.net"] = AWAY
    ann, bob = submit_to(gateway, "ann", "bob")
    drain_all(gateway)
    assert (state_of(gateway, ann), state_of(gateway, bob)) == (State.RETRY_WAIT, State.SENT)
    assert count(gateway, "circuits") == 0
    row = recipient_of(gateway, ann)
    assert (row.attempts, row.due_at - row.updated_at < timedelta(seconds=2)) == (0, True)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        Refused("No."),
        Throttled("Slow down."),
        Retry("New words."),
        Tripped("account", "Paused."),
        Tripped("sender:example.com", "Not verified."),
    ],
    ids=str,
)
def test_any_answer_shows_that_ses_can_be_reached(
    gateway: Gateway, mailer: ScriptedMailer, answer: Outcome | None
) -> None:
    """Any answer, even a refusal, shows that SES can be reached, so no email waits for that."""
    mailer.answers["ann@example.net"] = AWAY
    submit_to(gateway, "ann")
    drain_all(gateway)
    assert [row["scope"] for row in rows(gateway, "circuits")] == ["ses"]
    mailer.answers = {"ann@example.net": answer} if answer else {}
    make_due(gateway)
    drain_all(gateway)
    assert "ses" not in [row["scope"] for row in rows(gateway, "circuits")]


def test_an_error_of_our_own_does_not_show_that_ses_can_be_reached(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """An email that cannot be rendered was never sent to SES."""
    mailer.answers["ann@example.net"] = AWAY
    submit_to(gateway, "ann")
    drain_all(gateway)
    mailer.answers["ann@example.net"] = Retry("Not rendered.", incident="render_failed", subject="KeyError")
    make_due(gateway)
    drain_all(gateway)
    assert [row["scope"] for row in rows(gateway, "circuits")] == ["ses"]


@pytest.mark.parametrize(
    "one, other",
    [("ses", "account"), ("account", "sender:example.com"), ("sender:example.com", "stream:invites/default")],
)
def test_two_circuits_of_one_email_do_not_wait_for_each_other(gateway: Gateway, one: str, other: str) -> None:
    """Both circuits hold all email: a probe of one passes the other, and its success closes both."""
    [email] = submit_to(gateway, "ann")
    with gateway.database.transaction() as connection:
        for scope in (one, other):
            circuits.trip(connection, scope, reason="For this test.")
    make_due(gateway)
    for _ in range(2):
        drain_all(gateway)
    assert state_of(gateway, email) is State.SENT
    assert count(gateway, "circuits") == 0


def test_a_probe_passes_no_pause(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """An operator's pause is not probed, whatever other circuit may be."""
    submit_to(gateway, "ann")
    with gateway.database.transaction() as connection:
        circuits.trip(connection, "ses", reason="Away.")
        circuits.pause(connection, "lane:transactional", reason="Maintenance.")
    make_due(gateway)
    drain_all(gateway)
    assert mailer.sent == []


def test_a_probe_of_one_sender_does_not_try_the_account(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A paused account is probed at its own times, however many senders could be probed."""
    submit_to(gateway, "ann")
    with gateway.database.transaction() as connection:
        circuits.trip(connection, "account", reason="Paused.")
        circuits.trip(connection, "sender:example.com", reason="Not verified.")
    age(gateway, "circuits", "probe_at", timedelta(seconds=1), scope="sender:example.com")
    drain_all(gateway)
    assert mailer.sent == []


def test_a_probe_prefers_email_that_nothing_else_holds_back(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The account is probed with a sender that may send, although the other sender's email has waited longer."""
    who = caller(gateway, senders=("*",))
    held = submit(gateway, who, "kim@example.net", sender="news@example.org")
    free = submit(gateway, who, "ann@example.net")
    with gateway.database.transaction() as connection:
        circuits.trip(connection, "account", reason="Paused.")
        circuits.trip(connection, "sender:example.org", reason="Not verified.")
    age(gateway, "circuits", "probe_at", timedelta(seconds=1), scope="account")
    drain_all(gateway)
    assert [one.recipient for one in mailer.sent] == ["ann@example.net"]
    assert (state_of(gateway, free), state_of(gateway, held)) == (State.SENT, State.QUEUED)
    assert [row["scope"] for row in rows(gateway, "circuits")] == ["sender:example.org"]
