"""Claims on real SQL: each email goes to one worker, and no claim takes an email that is suppressed or has to wait."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.domain.errors import Conflict
from app.domain.sending.state_machine import Event, State, TransitionFacts, decide
from app.queue import Lane
from app.store.engine.database import clock
from app.store.sending import recipients
from app.store.sending.claims import Look, Wanted, leased
from app.store.sending.due_email import has_due_email
from app.wiring.gateway import Gateway, build
from tests.support.gateway.claims import addresses, open_circuit
from tests.support.gateway.emails import ROOT, state_of, submission, submit, take
from tests.support.gateway.gateways import caller, settings_for
from tests.support.gateway.rows import age, change, count, recipient_of, rows


def test_a_claimed_email_is_leased_and_its_call_is_written_down(gateway: Gateway) -> None:
    """The row names the claim and the end of its lease, and an attempt is open before any call."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    taken = take(gateway)
    row = recipient_of(gateway, email)
    assert (row.state, row.lease_token) == (State.SENDING, taken.token)
    with gateway.database.reading() as connection:
        assert row.lease_until is not None
        assert timedelta(seconds=50) < row.lease_until - clock(connection) <= timedelta(seconds=60)
    [attempt] = rows(gateway, "attempts")
    assert (attempt["id"], attempt["outcome"], attempt["number"]) == (taken.emails[0].attempt_id, "calling", 1)


@pytest.mark.parametrize("suppressed", [False, True])
def test_a_claim_decides_as_the_state_machine_does(gateway: Gateway, suppressed: bool) -> None:
    """For a due email in every state: SQL moves the email where `decide` moves it, and to the same state."""
    event = Event.FIND_SUPPRESSED if suppressed else Event.CLAIM
    emails = {state: submit(gateway, caller(gateway), f"{state}@example.net") for state in State}
    for state, email in emails.items():
        change(gateway, "recipients", {"state": state}, email_id=email)
        if suppressed:
            gateway.suppress.add(ROOT, f"{state}@example.net")
    take(gateway)
    found = {state: recipient_of(gateway, email).state for state, email in emails.items()}
    assert found == {state: decide(state, event, TransitionFacts(lease_held=False)).state for state in State}


def test_each_call_for_an_email_has_its_number(gateway: Gateway) -> None:
    """All calls of the email are counted, whatever their outcome."""
    email = submit(gateway, caller(gateway), "ann@example.net")
    for _ in range(3):
        assert addresses(take(gateway)) == ["ann@example.net"]
        change(gateway, "recipients", {"state": State.QUEUED, "lease_token": None}, email_id=email)
    assert sorted(row["number"] for row in rows(gateway, "attempts")) == [1, 2, 3]


def test_what_is_claimed_is_claimed_once(gateway: Gateway) -> None:
    """A second claim finds nothing that the first one holds."""
    submit(gateway, caller(gateway), "ann@example.net")
    assert addresses(take(gateway)) == ["ann@example.net"]
    assert take(gateway).size == 0


@pytest.mark.parametrize("apps", [1, 5])
def test_many_workers_share_the_queue_without_sharing_an_email(
    migrated_postgres_url: str, redis_url: str, apps: int
) -> None:
    """Eight workers claim every email at once, and no email twice, on a database that locks by row."""
    gateway = build(settings_for(migrated_postgres_url, redis_url))
    for number in range(apps):
        emails = [submission(f"reader{reader}@app-{number}.example") for reader in range(300 // apps)]
        gateway.accept(caller(gateway, app=f"app-{number}"), emails, idempotency=None, answer=lambda _: {})
    start = Barrier(8)

    def work() -> list[UUID]:
        start.wait(10)
        own: list[UUID] = []
        empty = 0
        while empty < 3:
            taken = take(gateway, limit=7)
            own += [one.recipient.id for one in taken.emails]
            empty = 0 if taken.size else empty + 1
        return own

    with ThreadPoolExecutor(8) as threads:
        shares = [each.result() for each in [threads.submit(work) for _ in range(8)]]
    claimed = [one for share in shares for one in share]
    assert len(claimed) == 300
    assert len(set(claimed)) == 300
    assert sum(bool(share) for share in shares) > 1
    assert count(gateway, "attempts") == 300
    gateway.close()


@pytest.mark.parametrize("apps", [1, 5])
def test_an_email_is_claimed_or_canceled_and_never_both(migrated_postgres_url: str, redis_url: str, apps: int) -> None:
    """Four workers claim while two people cancel, the newest email first."""
    gateway = build(settings_for(migrated_postgres_url, redis_url))
    who = [caller(gateway, app=f"app-{number}") for number in range(apps)]
    emails = [submit(gateway, who[number % apps], f"reader{number}@example.net") for number in range(80)]
    start = Barrier(6)

    def work() -> set[UUID]:
        start.wait(10)
        taken = [take(gateway, limit=3) for _ in range(30)]
        return {one.recipient.email_id for claim in taken for one in claim.emails}

    def cancel(some: list[UUID]) -> None:
        start.wait(10)
        for email in some:
            with suppress(Conflict):
                gateway.revise.cancel(ROOT, email)

    with ThreadPoolExecutor(6) as threads:
        people = [threads.submit(cancel, emails[::-1][number::2]) for number in range(2)]
        claimed = set[UUID]().union(*(one.result() for one in [threads.submit(work) for _ in range(4)]))
        assert [one.result() for one in people] == [None, None]
    canceled = {row["email_id"] for row in rows(gateway, "recipients") if row["state"] == "canceled"}
    assert sorted([*claimed, *canceled]) == sorted(emails)
    gateway.close()


def test_a_batch_is_shared_by_the_waiting_applications(gateway: Gateway) -> None:
    """Each application with due email gets its share of a batch, and no more while another waits."""
    callers = [caller(gateway, app=name) for name in ("one", "two", "three")]
    for who in callers:
        for number in range(6):
            submit(gateway, who, f"r{number}@{who.app}.example")
    taken = take(gateway, limit=6)
    shares = {who.app: sum(who.app in address for address in addresses(taken)) for who in callers}
    assert shares == {"one": 2, "two": 2, "three": 2}


@pytest.mark.parametrize(
    "limit, dry", [(2, False), (3, False), (4, False), (5, False), (6, False), (7, True), (20, True)]
)
def test_a_claim_reports_whether_it_left_due_email(gateway: Gateway, limit: int, dry: bool) -> None:
    """One application has three emails, another has one: the one that shares the batch may have more."""
    for app, emails in (("many", 3), ("few", 1)):
        for number in range(emails):
            submit(gateway, caller(gateway, app=app), f"{app}-{number}@example.net")
    taken = take(gateway, limit=limit)
    assert taken.dry is dry
    assert taken.size == 4 or not dry


def test_a_scheduled_email_waits_until_it_is_due(gateway: Gateway) -> None:
    """It is claimed when it is due by the database's clock, and not before."""
    with gateway.database.reading() as connection:
        later = clock(connection) + timedelta(hours=1)
    email = submit(gateway, caller(gateway), "ann@example.net", scheduled_at=later)
    assert state_of(gateway, email) is State.SCHEDULED
    assert take(gateway).size == 0
    age(gateway, "recipients", "due_at", timedelta(seconds=1))
    assert addresses(take(gateway)) == ["ann@example.net"]


def test_an_expired_email_is_not_claimed(gateway: Gateway) -> None:
    """Past its deadline an email is not claimed, even before the sweep has marked it as expired."""
    submit(gateway, caller(gateway), "ann@example.net")
    age(gateway, "recipients", "expires_at", timedelta(seconds=1))
    assert take(gateway).size == 0


@pytest.mark.parametrize("state", sorted(set(State) - {State.QUEUED, State.RETRY_WAIT, State.SCHEDULED}))
def test_only_email_that_waits_to_be_sent_is_claimed(gateway: Gateway, state: State) -> None:
    """Only scheduled, queued and retry_wait can be claimed, however long the row has been due."""
    submit(gateway, caller(gateway), "ann@example.net")
    change(gateway, "recipients", {"state": state})
    assert take(gateway).size == 0


def test_lanes_are_claimed_apart(gateway: Gateway) -> None:
    """A claim of one lane takes nothing from the other."""
    who = caller(gateway)
    submit(gateway, who, "news@example.net", lane=Lane.BULK)
    submit(gateway, who, "code@example.net")
    assert addresses(take(gateway)) == ["code@example.net"]
    assert addresses(take(gateway, lane=Lane.BULK)) == ["news@example.net"]


def test_a_suppressed_email_ends_in_the_claim_without_a_call(gateway: Gateway) -> None:
    """The claim finds the suppression, records it in the row, and opens no attempt."""
    who = caller(gateway)
    email = submit(gateway, who, "kim@example.net")
    kept = submit(gateway, who, "ann@example.net")
    gateway.suppress.add(who, "kim@example.net")
    taken = take(gateway)
    assert (addresses(taken), len(taken.suppressed), taken.size) == (["ann@example.net"], 1, 2)
    row = recipient_of(gateway, email)
    assert row.state is State.SUPPRESSED
    assert row.reason == "The address is on the suppression list (manual)."
    assert (row.lease_token, row.lease_until) == (None, None)
    assert [one["recipient_id"] for one in rows(gateway, "attempts")] == [recipient_of(gateway, kept).id]


@pytest.mark.parametrize(
    "scope, stopped", [("*", True), ("invites/default", True), ("invites/news", False), ("other/default", False)]
)
def test_a_suppression_counts_in_its_scope(gateway: Gateway, scope: str, stopped: bool) -> None:
    """An entry of the global scope stops all email; an entry of a stream stops that stream of that application only."""
    who = caller(gateway)
    submit(gateway, who, "kim@example.net")
    other = caller(gateway, app="other")
    gateway.suppress.add(other if scope.startswith("other") else who, "kim@example.net", scope=scope)
    taken = take(gateway)
    assert (len(taken.suppressed) == 1) is stopped
    assert (len(taken.emails) == 0) is stopped


@pytest.mark.parametrize("over", ["expired", "removed"])
def test_a_suppression_that_is_over_stops_no_email(gateway: Gateway, over: str) -> None:
    """Neither a tombstone nor an expired entry holds an email back."""
    who = caller(gateway)
    submit(gateway, who, "kim@example.net")
    gateway.suppress.add(who, "kim@example.net")
    age(gateway, "suppressions", "expires_at" if over == "expired" else "removed_at", timedelta(seconds=1))
    assert addresses(take(gateway)) == ["kim@example.net"]


def test_a_claim_of_an_empty_queue_is_empty(gateway: Gateway) -> None:
    """It has no email, nothing suppressed, and nothing left."""
    taken = take(gateway)
    assert (taken.emails, taken.suppressed, taken.size, taken.dry) == ((), (), 0, True)


def test_every_claim_has_a_token_of_its_own(gateway: Gateway) -> None:
    """Two otherwise equal claims differ in their tokens."""
    one, other = (Wanted(lane="bulk", limit=1, lease=timedelta(seconds=60)) for _ in range(2))
    assert isinstance(one.token, UUID)
    assert one.token != other.token


def test_claimed_emails_are_in_the_order_in_which_they_were_due(gateway: Gateway) -> None:
    """The email that waited longest is called first."""
    for number in range(3):
        submit(gateway, caller(gateway), f"r{number}@example.net")
    age(gateway, "recipients", "due_at", timedelta(minutes=5), key="r2@example.net")
    age(gateway, "recipients", "due_at", timedelta(minutes=3), key="r1@example.net")
    assert addresses(take(gateway)) == ["r2@example.net", "r1@example.net", "r0@example.net"]


def test_an_email_that_another_worker_is_claiming_is_passed_over(migrated_postgres_url: str, redis_url: str) -> None:
    """A claim waits for no lock: it takes the other due emails."""
    gateway = build(settings_for(migrated_postgres_url, redis_url))
    first, second = (submit(gateway, caller(gateway), f"{name}@example.net") for name in ("first", "second"))
    with gateway.database.transaction() as connection:
        assert recipients.lock(connection, [recipient_of(gateway, first).id])
        taken = take(gateway)
    assert [one.recipient.email_id for one in taken.emails] == [second]
    gateway.close()


def test_due_email_counts_for_its_lane_even_while_a_circuit_holds_it(gateway: Gateway) -> None:
    """A worker that is rung for it may take the probe; email that is not due, or is claimed, rings for no worker."""

    def is_due(lane: Lane) -> bool:
        with gateway.database.reading() as connection:
            return has_due_email(connection, lane)

    assert not is_due(Lane.TRANSACTIONAL)
    submit(gateway, caller(gateway), "ann@example.net")
    open_circuit(gateway, "account")
    assert is_due(Lane.TRANSACTIONAL)
    assert not is_due(Lane.BULK)
    take(gateway, probe="account")
    assert not is_due(Lane.TRANSACTIONAL)


def test_emails_that_a_claim_holds_are_found_by_its_token(gateway: Gateway) -> None:
    """Each email comes with its open attempt; an email of another claim, or one no longer held, is not found."""
    submit(gateway, caller(gateway), "ann@example.net")
    first = take(gateway)
    submit(gateway, caller(gateway), "bob@example.net")
    take(gateway)
    submit(gateway, caller(gateway), "kim@example.net")
    with gateway.database.reading() as connection:
        [found] = leased(connection, tokens=[first.token, uuid4()], attempt_ids=[])
    assert (found.recipient.key, found.token) == ("ann@example.net", first.token)
    assert found.attempt_id == first.emails[0].attempt_id


@pytest.mark.parametrize("over", [{"state": State.QUEUED}, {"state": State.UNCONFIRMED}])
def test_emails_that_a_claim_no_longer_holds_are_not_found_by_its_token(gateway: Gateway, over: dict[str, Any]) -> None:
    """The state of the email decides, whatever else is in the row."""
    submit(gateway, caller(gateway), "ann@example.net")
    taken = take(gateway)
    change(gateway, "recipients", over)
    with gateway.database.reading() as connection:
        assert leased(connection, tokens=[taken.token], attempt_ids=[]) == ()


def test_a_call_that_is_over_is_not_held_by_its_claim(gateway: Gateway) -> None:
    """An attempt with a known outcome is not reported a second time."""
    submit(gateway, caller(gateway), "ann@example.net")
    taken = take(gateway)
    change(gateway, "attempts", {"outcome": "not_sent"})
    with gateway.database.reading() as connection:
        assert leased(connection, tokens=[taken.token], attempt_ids=[]) == ()


def test_an_attempt_is_found_whichever_claim_holds_its_email(gateway: Gateway) -> None:
    """An answer of SES counts after the lease too, when the token belongs to no claim."""
    submit(gateway, caller(gateway), "ann@example.net")
    (attempt,) = take(gateway).emails
    change(gateway, "recipients", {"state": State.UNCONFIRMED, "lease_token": None})
    with gateway.database.reading() as connection:
        [found] = leased(connection, tokens=[], attempt_ids=[attempt.attempt_id])
    assert (found.attempt_id, found.recipient.id) == (attempt.attempt_id, attempt.recipient.id)
    assert found.token == UUID(int=0)


def test_a_look_without_a_suppression_finds_none() -> None:
    """An email that is no longer held does not count as suppressed."""
    assert Look(holds=False).suppressed_by is None
