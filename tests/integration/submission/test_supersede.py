"""`supersedes`: a newer email of an application cancels its older ones with the same key that have not left."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.apps.callers import Caller
from app.domain.sending.call_outcome import Ambiguous
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.submission.accept import Submission
from app.services.submission.idempotency import Idempotency
from app.wiring.gateway import Gateway, build
from tests.support.database.interleaving import locked, others
from tests.support.gateway.emails import ROOT, state_of, submission, submit, take
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.rows import change, recipient_of, rows

KEY = "invitation-7"
BY = "Superseded by a newer email."


@pytest.fixture
def gateway(migrated_url: str, redis_url: str, mailer: ScriptedMailer, tmp_path: Path) -> Iterator[Gateway]:
    built = build(settings_for(migrated_url, redis_url, flight_dir=tmp_path / "flight"), mailer=mailer)
    yield built
    built.close()


@pytest.fixture
def on_postgres(
    migrated_postgres_url: str, redis_url: str, mailer: ScriptedMailer, tmp_path: Path
) -> Iterator[Gateway]:
    built = build(settings_for(migrated_postgres_url, redis_url, flight_dir=tmp_path / "flight"), mailer=mailer)
    yield built
    built.close()


def accept(gateway: Gateway, who: Caller, *emails: Submission, key: str | None = None) -> list[dict[str, Any]]:
    """Submit the emails as one request. For each, its id and the ids of those that it superseded."""
    idempotency = Idempotency(key, bytes(32)) if key else None
    answer = gateway.accept(
        who,
        emails,
        idempotency=idempotency,
        answer=lambda receipts: {
            "data": [{"id": str(one.id), "superseded": list(map(str, one.superseded))} for one in receipts]
        },
    )
    data: list[dict[str, Any]] = answer.body["data"]
    return data


def with_key(to: str = "ann@example.net", key: str | None = KEY, **more: Any) -> Submission:
    return submission(to, supersedes=key, **more)


def states(gateway: Gateway, emails: Sequence[dict[str, Any]]) -> list[State]:
    return [state_of(gateway, UUID(one["id"])) for one in emails]


def test_a_newer_email_with_the_key_cancels_the_older_ones(gateway: Gateway) -> None:
    """Whatever its addresses are, queued or scheduled; the answer names them, and the timeline says why."""
    who = caller(gateway)
    [first] = accept(gateway, who, with_key("ann@example.net"))
    [second] = accept(gateway, who, with_key("bob@example.net", scheduled_at=datetime.now(UTC) + timedelta(days=1)))
    assert second["superseded"] == [first["id"]]
    [third] = accept(gateway, who, with_key("cy@example.net"))
    assert third["superseded"] == [second["id"]]
    assert states(gateway, [first, second, third]) == [State.CANCELED, State.CANCELED, State.QUEUED]
    assert gateway.look_up.email(ROOT, UUID(first["id"])).recipients[0].reason == BY
    assert gateway.look_up.timeline(ROOT, UUID(first["id"]))[-1].detail == BY


def test_other_emails_are_left_alone(gateway: Gateway) -> None:
    """Those with another key, without one, or of another application."""
    who, neighbour = caller(gateway), caller(gateway, app="neighbour")
    [other] = accept(gateway, who, with_key(key="invitation-8"))
    [without] = accept(gateway, who, with_key(key=None))
    [theirs] = accept(gateway, neighbour, with_key())
    [newer] = accept(gateway, who, with_key())
    assert newer["superseded"] == []
    assert states(gateway, [other, without, theirs]) == [State.QUEUED] * 3


def test_what_has_left_is_not_touched(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Nor what may have left: an email that is being sent, or whose call had no answer."""
    who = caller(gateway)
    [sent] = accept(gateway, who, with_key())
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    [unknown] = accept(gateway, who, with_key("lost@example.net"))
    mailer.answers["lost@example.net"] = Ambiguous("No answer.")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    [claimed] = accept(gateway, who, with_key())
    take(gateway)
    [newest] = accept(gateway, who, with_key())
    assert [one["superseded"] for one in (sent, unknown, claimed, newest)] == [[], [], [], []]
    assert states(gateway, [sent, unknown, claimed, newest]) == [
        State.SENT,
        State.UNCONFIRMED,
        State.SENDING,
        State.QUEUED,
    ]


@pytest.mark.parametrize("state", [State.QUEUED, State.RETRY_WAIT, State.HELD])
def test_an_email_whose_call_may_be_open_is_not_superseded(gateway: Gateway, state: State) -> None:
    """A late report or a person moved it on, and one of its calls has no answer yet."""
    who = caller(gateway)
    email = submit(gateway, who, "ann@example.net", supersedes=KEY)
    take(gateway)
    change(gateway, "recipients", {"state": state, "lease_token": None, "lease_until": None}, email_id=email)
    assert accept(gateway, who, with_key())[0]["superseded"] == []
    assert state_of(gateway, email) is state


def test_what_was_certainly_not_sent_is_superseded(gateway: Gateway) -> None:
    """An email that is tried again later, and one that waits for a person although no call may have sent it."""
    who = caller(gateway)
    waits, held = submit(gateway, who, "a@example.net", supersedes=KEY), submit(gateway, who, "b@example.net")
    change(gateway, "recipients", {"state": State.RETRY_WAIT}, email_id=waits)
    change(gateway, "recipients", {"state": State.HELD}, email_id=held)
    change(gateway, "emails", {"supersedes": KEY}, id=held)
    [newest] = accept(gateway, who, with_key())
    assert newest["superseded"] == [str(waits), str(held)]


def test_of_an_email_that_left_for_one_recipient_the_others_are_canceled(gateway: Gateway) -> None:
    """The answer names the email, since it will not reach all of its recipients."""
    who = caller(gateway)
    email = submit(gateway, who, "ann@example.net", "bob@example.net", supersedes=KEY)
    change(gateway, "recipients", {"state": State.DELIVERED}, email_id=email, key="ann@example.net")
    assert accept(gateway, who, with_key())[0]["superseded"] == [str(email)]
    found = {row["key"]: row["state"] for row in rows(gateway, "recipients", email_id=email)}
    assert found == {"ann@example.net": "delivered", "bob@example.net": "canceled"}


def test_of_a_batch_the_last_email_with_a_key_stays(gateway: Gateway) -> None:
    """Its answer names all that it superseded: those of the same batch, and older ones."""
    who = caller(gateway)
    [older] = accept(gateway, who, with_key())
    batch = accept(gateway, who, with_key(), with_key(key="other"), with_key(), with_key())
    assert [one["superseded"] for one in batch] == [[], [], [], [older["id"], batch[0]["id"], batch[2]["id"]]]
    assert states(gateway, batch) == [State.CANCELED, State.QUEUED, State.CANCELED, State.QUEUED]


def test_a_repeated_request_gets_the_same_answer_and_supersedes_nothing(gateway: Gateway) -> None:
    """The names of the superseded emails are stored with the answer; a newer email keeps its place."""
    who = caller(gateway)
    accept(gateway, who, with_key())
    first = accept(gateway, who, with_key(), key="request-1")
    assert len(first[0]["superseded"]) == 1
    newer = accept(gateway, who, with_key())
    assert accept(gateway, who, with_key(), key="request-1") == first
    assert states(gateway, newer) == [State.QUEUED]


def test_the_canceled_recipients_are_counted(gateway: Gateway) -> None:
    """The metrics count them as canceled, as if the application had canceled them."""
    who = caller(gateway)
    accept(gateway, who, with_key(), with_key(), with_key())
    found = {row["what"]: 0 for row in rows(gateway, "tallies")}
    for row in rows(gateway, "tallies"):
        found[row["what"]] += row["number"]
    assert (found["accepted"], found["canceled"]) == (3, 2)


def test_emails_without_the_key_ask_nothing_more(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock is taken and no older email is looked for."""
    monkeypatch.setattr("app.store.engine.advisory_locks.hold", None)
    monkeypatch.setattr("app.store.submission.emails.recipients_with_key", None)
    submit(gateway, caller(gateway), "ann@example.net")


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_at_once_the_later_one_stays(on_postgres: Gateway, first: int) -> None:
    """While one of them waits for a row of an older email, the other waits for it; it then sees and cancels it.

    Each is a request of its own process, since requests of one process share a transaction.
    """
    who = caller(on_postgres)
    [older] = accept(on_postgres, who, with_key())
    other = build(on_postgres.settings, mailer=ScriptedMailer())
    both = [on_postgres, other]
    try:
        with others(on_postgres) as crowd:
            with locked(on_postgres, "recipients", email_id=UUID(older["id"])):
                crowd.begin(lambda: accept(both[first], who, with_key()))
                crowd.begin(lambda: accept(both[1 - first], who, with_key()))
            [[earlier], [later]] = crowd.results()
    finally:
        other.close()
    assert (earlier["superseded"], later["superseded"]) == ([older["id"]], [earlier["id"]])
    assert states(on_postgres, [older, earlier, later]) == [State.CANCELED, State.CANCELED, State.QUEUED]


def test_an_older_email_that_is_held_holds_up_no_other_email(on_postgres: Gateway) -> None:
    """While one request waits for the row of an email that it supersedes, a request without a key is answered."""
    who = caller(on_postgres)
    [older] = accept(on_postgres, who, with_key())
    with others(on_postgres) as crowd:
        with locked(on_postgres, "recipients", email_id=UUID(older["id"])):
            crowd.begin(lambda: accept(on_postgres, who, with_key()))
            plain = crowd.begin(lambda: accept(on_postgres, who, with_key(key=None)))
            assert plain.done()
        crowd.results()


def test_two_that_supersede_many_lock_in_one_order(on_postgres: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches with the same keys in opposite orders never deadlock, and of each key one email stays."""
    monkeypatch.setattr("app.services.deadlock_retry.TRIES", 1)
    who = caller(on_postgres)
    keys = [f"key-{number}" for number in range(8)]
    barrier = Barrier(4)

    def post(order: list[str]) -> list[dict[str, Any]]:
        barrier.wait(10)
        return [one for _ in range(5) for one in accept(on_postgres, who, *(with_key(key=key) for key in order))]

    with ThreadPoolExecutor(4) as pool:
        posted = [pool.submit(post, order) for order in (keys, keys[::-1]) * 2]
        emails = [email for one in posted for email in one.result(60)]
    assert len(emails) == 4 * 5 * len(keys)
    assert len(rows(on_postgres, "recipients", state="queued")) == len(keys)
    superseded = [older for one in emails for older in one["superseded"]]
    assert len(superseded) == len(set(superseded)) == len(emails) - len(keys)


def test_of_many_at_once_one_is_sent(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Requests of many threads, which share commits: each canceled email is named once, and the last one is sent."""
    who = caller(gateway)
    barrier = Barrier(8)

    def post() -> list[dict[str, Any]]:
        barrier.wait(10)
        return [one for _ in range(4) for one in accept(gateway, who, with_key())]

    with ThreadPoolExecutor(8) as pool:
        emails = [one for posted in [pool.submit(post) for _ in range(8)] for one in posted.result(60)]
    superseded = [older for one in emails for older in one["superseded"]]
    assert len(superseded) == len(set(superseded)) == len(emails) - 1
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(mailer.sent) == 1
    assert {one["id"] for one in emails} - set(superseded) == {
        str(row["email_id"]) for row in rows(gateway, "recipients", state="sent")
    }


REQUESTS = st.lists(
    st.one_of(
        st.just("send"),
        st.lists(st.sampled_from([None, "a", "b"]), min_size=1, max_size=4).map(tuple),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests=REQUESTS)
def test_at_most_the_newest_email_with_a_key_waits(
    gateway: Gateway, requests: list[str | tuple[str | None, ...]]
) -> None:
    """After any requests and drains: each email was sent, or superseded and named once, or is the newest of its key."""
    who = caller(gateway)
    emails: list[tuple[str | None, dict[str, Any]]] = []
    for request in requests:
        if isinstance(request, str):
            gateway.deliver.drain(Lane.TRANSACTIONAL)
        else:
            emails += zip(request, accept(gateway, who, *(with_key(key=key) for key in request)), strict=True)
    newest = {key: one["id"] for key, one in emails}
    named = [older for _, one in emails for older in one["superseded"]]
    assert len(named) == len(set(named))
    for key, one in emails:
        state = recipient_of(gateway, UUID(one["id"])).state
        assert (state is State.CANCELED) == (one["id"] in named)
        assert state is not State.QUEUED or key is None or newest[key] == one["id"]
        assert state is not State.CANCELED or newest[key] != one["id"]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
