"""Transactions that lock the same rows lock them in one order, so that they never deadlock.

Each test forces the moment in which two transactions that lock in different orders would deadlock, on PostgreSQL.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.domain.sending.call_outcome import Accepted, Outcome, Retry
from app.domain.sending.state_machine import State
from app.domain.suppression.rules import Origin
from app.queue import Lane
from app.services import deadlock_retry
from app.services.sending.call_results import Report
from app.store.suppression import bulk, suppressions
from app.store.suppression.suppressions import NewSuppression
from app.wiring.gateway import Gateway, build
from tests.support.aws.notifications import Event, bounced, delivered, put
from tests.support.database.interleaving import locked, others
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.emails import take as claim_all
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.rows import change, count, recipient_of, rows
from tests.support.suppression.list_files import take

POLICY = {"action": "failed", "status": "5.7.1", "diagnosticCode": "smtp; 550 5.7.1 blocked by our RBL"}


@pytest.fixture
def gateway(migrated_postgres_url: str, redis_url: str, mailer: ScriptedMailer, tmp_path: Path) -> Iterator[Gateway]:
    built = build(settings_for(migrated_postgres_url, redis_url, flight_dir=tmp_path / "flight"), mailer=mailer)
    yield built
    built.close()


@pytest.fixture
def only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No retry hides a deadlock."""
    monkeypatch.setattr(deadlock_retry, "TRIES", 1)


def put_events(gateway: Gateway, *events: Event) -> None:
    put(gateway, *map(json.dumps, events))


@pytest.mark.usefixtures("only_once")
@pytest.mark.parametrize("first", [Accepted("ses-0"), Retry("No such host.")], ids=["accepted", "mixed"])
def test_recording_and_settling_lock_recipients_in_one_order(gateway: Gateway, first: Outcome) -> None:
    """One transaction has reports of the later email first, the other has events of both emails."""
    who = caller(gateway)
    emails = [submit(gateway, who, f"r{number}@example.net") for number in range(2)]
    claim = claim_all(gateway)
    attempt = {one.recipient.email_id: one for one in claim.emails}
    reports = [
        Report(attempt=attempt[emails[1]], result=Accepted("ses-1")),
        Report(attempt=attempt[emails[0]], result=first),
    ]
    ids = [recipient_of(gateway, email).id for email in emails]
    put_events(
        gateway,
        *(
            delivered(f"r{number}@example.net", message=f"ses-{number}", tags={"postern_recipient": str(ids[number])})
            for number in range(2)
        ),
    )
    with others(gateway) as crowd:
        with locked(gateway, "recipients", id=ids[0]):
            crowd.begin(gateway.settle.batch)
            crowd.begin(lambda: gateway.deliver.parts.record(reports))
        crowd.results()
    assert [state_of(gateway, email) for email in emails] == [State.DELIVERED, State.DELIVERED]


@pytest.mark.usefixtures("only_once")
def test_two_settlers_note_incidents_in_one_order(gateway: Gateway) -> None:
    """One settler has a refusal of domain `a` first, the other of domain `z`."""
    for domain in ("a.example", "z.example"):
        put_events(gateway, bounced(f"x@{domain}", message=f"first-{domain}", fields=POLICY))
    gateway.settle.drain()
    with others(gateway) as crowd:
        with locked(gateway, "incidents", subject="a.example: block-list"):
            for turn, order in (("one", "az"), ("other", "za")):
                put_events(
                    gateway,
                    *(
                        bounced(f"{place}@{name}.example", message=f"{turn}-{name}", fields=POLICY)
                        for place, name in enumerate(order)
                    ),
                )
                crowd.begin(gateway.settle.batch)
        crowd.results()
    assert {row["subject"]: row["count"] for row in rows(gateway, "incidents")} == {
        "a.example: block-list": 3,
        "z.example: block-list": 3,
    }


def test_entries_of_the_list_are_locked_in_one_order(gateway: Gateway) -> None:
    """An import holds the places of its rows by name; a removal of many entries gets them in any order."""
    names = ("a@example.net", "z@example.net")
    with gateway.database.transaction() as connection:
        for name in ("one", "other"):
            new = NewSuppression(key=name, scope="*", address=name, origin=Origin.MANUAL, reason="Test.", actor="test")
            suppressions.put(connection, new)
    # A search by id finds the last name first; PostgreSQL uses that search when there are many entries.
    entries = [row["id"] for row in rows(gateway, "suppressions")]
    take(gateway, b"email\n" + b"".join(b"r%d@example.org\n" % number for number in range(2_000)))
    for entry, name in zip(entries, reversed(names), strict=True):
        change(gateway, "suppressions", {"key": name}, id=entry)
    with gateway.database.transaction() as connection:
        connection.execute(text("ANALYZE suppressions"))

    def hold_places() -> None:
        with gateway.database.transaction() as connection:
            bulk.places(connection, names, lock=True)

    def unsuppress() -> None:
        with gateway.database.transaction() as connection:
            suppressions.unsuppress(connection, entries, actor="test", reason="Test.")

    with others(gateway) as crowd:
        with locked(gateway, "suppressions", key=names[0]):
            crowd.begin(hold_places)
            crowd.begin(unsuppress)
        crowd.results()
    assert count(gateway, "suppressions", removed_at=None) == 2_000


def test_work_that_was_ended_for_a_deadlock_is_done_again(gateway: Gateway) -> None:
    """PostgreSQL ends one transaction of a deadlock; the work that it had settled until then is settled again."""
    who = caller(gateway)
    emails = [submit(gateway, who, f"r{number}@example.net") for number in range(2)]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    recipients = [recipient_of(gateway, email) for email in emails]
    put_events(gateway, *(delivered(one.address, message=str(one.ses_message_id)) for one in recipients))
    with others(gateway) as crowd:
        with locked(gateway, "recipients", id=recipients[1].id) as connection:
            connection.execute(text("SET LOCAL deadlock_timeout = '60s'"))
            crowd.begin(gateway.settle.batch)
            connection.execute(text("SELECT id FROM recipients WHERE id = :id FOR UPDATE"), {"id": recipients[0].id})
        assert crowd.results() == [2]
    assert [state_of(gateway, email) for email in emails] == [State.DELIVERED, State.DELIVERED]
