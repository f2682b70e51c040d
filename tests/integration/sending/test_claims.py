"""Claims on real SQL: each mail to one worker, the suppressed to none, and all that must wait waits."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import update

from app.domain.delivery import State
from app.queue import Lane
from app.store import circuits
from app.store.claims import Claim
from app.store.db import clock
from app.store.models import circuits as circuits_table
from app.wiring import Gateway, build
from tests.gateways import caller, settings_for
from tests.mails import state_of, submission, submit, take
from tests.rows import age, change, count, recipient_of, rows


def addresses(taken: Claim) -> list[str]:
    return [mine.recipient.address for mine in taken.mails]


def open_circuit(gateway: Gateway, scope: str, *, probe_in: timedelta | None = timedelta(minutes=1)) -> None:
    """A circuit that is open, to be probed at a given time, or by nobody."""
    with gateway.database.transaction() as connection:
        circuits.pause(connection, scope, reason="For this test.")
        if probe_in is not None:
            probe_at = clock(connection) + probe_in
            connection.execute(update(circuits_table).where(circuits_table.c.scope == scope).values(probe_at=probe_at))


def test_a_claimed_mail_is_leased_and_its_call_is_written_down(gateway: Gateway) -> None:
    """The row says who holds it and until when, and an attempt stands open before anything is called."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    taken = take(gateway)
    row = recipient_of(gateway, mail)
    assert (row.state, row.lease_token) == (State.SENDING, taken.token)
    with gateway.database.reading() as connection:
        assert row.lease_until is not None
        assert timedelta(seconds=50) < row.lease_until - clock(connection) <= timedelta(seconds=60)
    [attempt] = rows(gateway, "attempts")
    assert (attempt["id"], attempt["outcome"], attempt["number"]) == (taken.mails[0].attempt_id, "calling", 1)


def test_each_call_for_a_mail_has_its_number(gateway: Gateway) -> None:
    """Counted over all that were made for it, whatever became of them."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    for _ in range(3):
        assert addresses(take(gateway)) == ["ann@example.net"]
        change(gateway, "recipients", {"state": State.QUEUED, "lease_token": None}, email_id=mail)
    assert sorted(row["number"] for row in rows(gateway, "attempts")) == [1, 2, 3]


def test_what_is_claimed_is_claimed_once(gateway: Gateway) -> None:
    """A second claim finds nothing of the first."""
    submit(gateway, caller(gateway), "ann@example.net")
    assert addresses(take(gateway)) == ["ann@example.net"]
    assert take(gateway).size == 0


def test_many_workers_share_the_queue_without_sharing_a_mail(migrated_postgres_url: str, redis_url: str) -> None:
    """Eight workers at once claim every mail, and no mail twice, on a database that locks by row."""
    gateway = build(settings_for(migrated_postgres_url, redis_url))
    who = caller(gateway)
    mails = [submission(f"reader{number}@example.net") for number in range(300)]
    gateway.accept(who, mails, idempotency=None, answer=lambda _: {})
    start = Barrier(8)

    def work() -> list[UUID]:
        start.wait(10)
        mine: list[UUID] = []
        empty = 0
        while empty < 3:
            taken = take(gateway, limit=7)
            mine += [one.recipient.id for one in taken.mails]
            empty = 0 if taken.size else empty + 1
        return mine

    with ThreadPoolExecutor(8) as threads:
        shares = [each.result() for each in [threads.submit(work) for _ in range(8)]]
    claimed = [one for share in shares for one in share]
    assert len(claimed) == 300
    assert len(set(claimed)) == 300
    assert sum(bool(share) for share in shares) > 1
    assert count(gateway, "attempts") == 300
    gateway.close()


def test_a_batch_is_shared_by_the_applications_that_wait(gateway: Gateway) -> None:
    """Each application with due mail gets its part of a batch, and none more while another waits."""
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
def test_a_claim_tells_whether_it_has_left_anything(gateway: Gateway, limit: int, dry: bool) -> None:
    """Three mails of one application and one of another: who shares the batch may be the one who has more."""
    for app, mails in (("many", 3), ("few", 1)):
        for number in range(mails):
            submit(gateway, caller(gateway, app=app), f"{app}-{number}@example.net")
    taken = take(gateway, limit=limit)
    assert taken.dry is dry
    assert taken.size == 4 or not dry


def test_a_mail_of_the_future_waits_for_its_time(gateway: Gateway) -> None:
    """A scheduled mail is claimed when it is due, by the database's clock, and not before."""
    with gateway.database.reading() as connection:
        later = clock(connection) + timedelta(hours=1)
    mail = submit(gateway, caller(gateway), "ann@example.net", scheduled_at=later)
    assert state_of(gateway, mail) is State.SCHEDULED
    assert take(gateway).size == 0
    age(gateway, "recipients", "due_at", timedelta(seconds=1))
    assert addresses(take(gateway)) == ["ann@example.net"]


def test_an_expired_mail_is_not_claimed(gateway: Gateway) -> None:
    """Past its deadline a mail is nobody's, even before the sweep has said so."""
    submit(gateway, caller(gateway), "ann@example.net")
    age(gateway, "recipients", "expires_at", timedelta(seconds=1))
    assert take(gateway).size == 0


@pytest.mark.parametrize("state", sorted(set(State) - {State.QUEUED, State.RETRY_WAIT, State.SCHEDULED}))
def test_only_what_waits_to_be_sent_is_claimed(gateway: Gateway, state: State) -> None:
    """No state but scheduled, queued and retry_wait can be claimed, however due the row is."""
    submit(gateway, caller(gateway), "ann@example.net")
    change(gateway, "recipients", {"state": state})
    assert take(gateway).size == 0


def test_lanes_are_claimed_apart(gateway: Gateway) -> None:
    """A claim of one lane takes nothing of the other."""
    who = caller(gateway)
    submit(gateway, who, "news@example.net", lane=Lane.BULK)
    submit(gateway, who, "code@example.net")
    assert addresses(take(gateway)) == ["code@example.net"]
    assert addresses(take(gateway, lane=Lane.BULK)) == ["news@example.net"]


def test_a_suppressed_mail_ends_in_the_claim_without_a_call(gateway: Gateway) -> None:
    """The claim finds the suppression, says so in the row, and opens no attempt."""
    who = caller(gateway)
    mail = submit(gateway, who, "kim@example.net")
    kept = submit(gateway, who, "ann@example.net")
    gateway.suppress.add(who, "kim@example.net")
    taken = take(gateway)
    assert (addresses(taken), taken.suppressed, taken.size) == (["ann@example.net"], 1, 2)
    row = recipient_of(gateway, mail)
    assert row.state is State.SUPPRESSED
    assert row.reason == "The address is on the suppression list (manual)."
    assert (row.lease_token, row.lease_until) == (None, None)
    assert [one["recipient_id"] for one in rows(gateway, "attempts")] == [recipient_of(gateway, kept).id]


@pytest.mark.parametrize(
    "scope, stopped", [("*", True), ("invites/default", True), ("invites/news", False), ("other/default", False)]
)
def test_a_suppression_counts_in_its_scope(gateway: Gateway, scope: str, stopped: bool) -> None:
    """An entry for every mail stops all; one for a stream stops that stream of that application only."""
    who = caller(gateway)
    submit(gateway, who, "kim@example.net")
    other = caller(gateway, app="other")
    gateway.suppress.add(other if scope.startswith("other") else who, "kim@example.net", scope=scope)
    taken = take(gateway)
    assert (taken.suppressed == 1) is stopped
    assert (len(taken.mails) == 0) is stopped


@pytest.mark.parametrize("over", ["expired", "removed"])
def test_a_suppression_that_is_over_stops_nobody(gateway: Gateway, over: str) -> None:
    """Neither a tombstone nor an entry past its time holds a mail back."""
    who = caller(gateway)
    submit(gateway, who, "kim@example.net")
    gateway.suppress.add(who, "kim@example.net")
    age(gateway, "suppressions", "expires_at" if over == "expired" else "removed_at", timedelta(seconds=1))
    assert addresses(take(gateway)) == ["kim@example.net"]


@pytest.mark.parametrize("scope", ["account", "sender:example.com", "lane:transactional"])
def test_an_open_circuit_holds_its_mail(gateway: Gateway, scope: str) -> None:
    """What has to wait, for the account, its sender or its lane, is not claimed while the circuit is open."""
    submit(gateway, caller(gateway), "ann@example.net")
    open_circuit(gateway, scope)
    assert take(gateway).size == 0
    with gateway.database.transaction() as connection:
        assert circuits.resume(connection, scope)
    assert take(gateway).size == 1


@pytest.mark.parametrize("scope", ["sender:example.org", "lane:bulk"])
def test_a_circuit_holds_no_other_mail(gateway: Gateway, scope: str) -> None:
    """A circuit of another sender or lane is no reason to wait."""
    submit(gateway, caller(gateway), "ann@example.net")
    open_circuit(gateway, scope)
    assert take(gateway).size == 1


@pytest.mark.parametrize("probe_in", [timedelta(minutes=-1), timedelta(minutes=1), None])
def test_a_circuit_lets_nobody_through_who_does_not_probe_it(gateway: Gateway, probe_in: timedelta | None) -> None:
    """That its probe is due opens no circuit: another worker may be about to take that probe."""
    for number in range(3):
        submit(gateway, caller(gateway), f"r{number}@example.net")
    open_circuit(gateway, "account", probe_in=probe_in)
    assert take(gateway).size == 0


def test_a_probe_passes_its_own_circuit_only(gateway: Gateway) -> None:
    """Whoever probes a sender takes a mail of that sender, and none that waits for something else as well."""
    who = caller(gateway, senders=("@example.com", "@example.org"))
    submit(gateway, who, "ann@example.net")
    open_circuit(gateway, "sender:example.com", probe_in=timedelta(minutes=-1))
    assert take(gateway, limit=1, probe="sender:example.org").size == 0
    open_circuit(gateway, "lane:transactional", probe_in=None)
    assert take(gateway, limit=1, probe="sender:example.com").size == 0
    with gateway.database.transaction() as connection:
        circuits.resume(connection, "lane:transactional")
    assert take(gateway, limit=1, probe="sender:example.com").size == 1


def test_mail_that_must_wait_holds_up_no_other(gateway: Gateway) -> None:
    """Where one mail may go at a time, one that waits for a circuit or is past its deadline is not in the way."""
    held, late, free = (caller(gateway, app=name, senders=("*",)) for name in ("held", "late", "free"))
    submit(gateway, held, "first@example.net", sender="held@example.org")
    submit(gateway, late, "second@example.net")
    age(gateway, "recipients", "expires_at", timedelta(seconds=1), app_id=late.app_id)
    submit(gateway, free, "third@example.net")
    open_circuit(gateway, "sender:example.org")
    assert addresses(take(gateway, limit=1)) == ["third@example.net"]


def test_a_probe_is_found_behind_the_mail_of_others(gateway: Gateway) -> None:
    """The mail that tries a sender's circuit need not be the one that has waited longest."""
    submit(gateway, caller(gateway, app="one"), "first@example.net")
    two = caller(gateway, app="two", senders=("*",))
    submit(gateway, two, "second@example.net", sender="two@example.org")
    open_circuit(gateway, "sender:example.org", probe_in=timedelta(minutes=-1))
    assert addresses(take(gateway, limit=1, probe="sender:example.org")) == ["second@example.net"]
