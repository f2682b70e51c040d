"""The counts are what a recount of the recipients says, in whatever order events come and whatever is folded."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.errors import Conflict
from app.domain.moments import first_of_day, first_of_hour
from app.domain.sending.call_outcome import Ambiguous, Outcome, Refused
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.operating.sweeps import Sweep
from app.services.reporting.fold_counts import FoldCounts
from app.store.engine.database import clock
from app.store.submission import emails
from app.wiring.gateway import Gateway
from tests.support.database.counts import as_counted, recounted
from tests.support.gateway.emails import ROOT, bounce, complaint, delivery, feed, submit
from tests.support.gateway.forgetting import forget
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on
from tests.support.gateway.rows import age, change, count, empty, rows

PEOPLE: Final = ("ann@example.net", "bob@gmail.com", "kim@outlook.com")
ANSWERS: Final[tuple[Outcome | None, ...]] = (None, None, Ambiguous("Silence."), Refused("No."))
HOUR: Final = timedelta(hours=1)


def soft_bounce(gateway: Gateway, email: UUID) -> Any:
    """A bounce that AWS does not count."""
    return bounce(gateway, email, kind="Transient", subtype="MailboxFull", feedback_id=f"soft-{email}")


EVENTS: Final[tuple[Callable[[Gateway, UUID], Any], ...]] = (delivery, bounce, soft_bounce, complaint)


def send(gateway: Gateway, *to: str, **more: Any) -> UUID:
    """Submit an email and send what is due."""
    email = submit(gateway, caller(gateway), *to, **more)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    return email


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_counts_are_what_a_recount_says(gateway: Gateway, mailer: ScriptedMailer, data: st.DataObject) -> None:
    """Events come late, twice and in any order; calls fail; people cancel and resend; folds run in between."""
    empty(gateway)
    answers = {person: data.draw(st.sampled_from(ANSWERS)) for person in PEOPLE}
    mailer.answers = {person: answer for person, answer in answers.items() if answer is not None}
    sent = [submit(gateway, caller(gateway), person) for person in PEOPLE]
    with gateway.database.reading() as connection:
        tomorrow = clock(connection) + timedelta(days=1)
    sent.append(submit(gateway, caller(gateway), *PEOPLE, scheduled_at=tomorrow))
    steps = st.sampled_from(("hear", "hear", "hear", "drain", "fold", "cancel", "lapse", "resend", "forget"))
    for step in data.draw(st.lists(steps, max_size=14)):
        email = data.draw(st.sampled_from(sent))
        match step:
            case "hear":
                event = data.draw(st.sampled_from(EVENTS))
                feed(gateway, event(gateway, email), times=data.draw(st.integers(1, 2)))
            case "drain":
                gateway.deliver.drain(Lane.TRANSACTIONAL)
            case "fold":
                gateway.upkeep.run(Sweep.COUNTS)
            case "cancel":
                with suppress(Conflict):
                    gateway.revise.cancel(ROOT, email)
            case "lapse":
                age(gateway, "recipients", "lease_until", HOUR, state=State.SENDING)
                gateway.upkeep.end_leases()
            case "resend":
                with suppress(Conflict):
                    gateway.resend_failed(ROOT, email, reason="Because.")
            case "forget":
                with suppress(Conflict):
                    forget(gateway, PEOPLE[0], ask_ses=False)
    assert as_counted(gateway) == recounted(gateway)


@pytest.mark.parametrize("event", EVENTS)
def test_a_late_event_counts_in_the_hour_of_its_email(gateway: Gateway, event: Callable[[Gateway, UUID], Any]) -> None:
    """The window of a bounce is that of the email that bounced."""
    email = send(gateway, "kim@example.net")
    with gateway.database.reading() as connection:
        earlier = first_of_hour(clock(connection)) - 30 * HOUR
    change(gateway, "recipients", {"created_at": earlier})
    change(gateway, "count_changes", {"hour": earlier})
    feed(gateway, event(gateway, email))
    assert {hour for hour, _ in as_counted(gateway)} == {earlier}
    assert as_counted(gateway) == recounted(gateway)


def test_folding_changes_no_count(gateway: Gateway) -> None:
    """Not by hour and not by day, also when some of an hour is still unfolded."""
    email = send(gateway, *PEOPLE)
    before = as_counted(gateway)
    gateway.upkeep.run(Sweep.COUNTS)
    assert count(gateway, "count_changes") == 0
    assert as_counted(gateway) == before
    feed(gateway, bounce(gateway, email))
    assert count(gateway, "count_changes") > 0
    assert as_counted(gateway) == recounted(gateway)


@pytest.mark.parametrize("days, hours", [(6, 2), (20, 0)])
def test_days_keep_what_hours_forget_after_a_week(gateway: Gateway, days: int, hours: int) -> None:
    """A late bounce still counts in the day of its email."""
    email = send(gateway, "kim@example.net")
    with gateway.database.reading() as connection:
        earlier = first_of_hour(clock(connection)) - timedelta(days=days)
    change(gateway, "recipients", {"created_at": earlier})
    change(gateway, "count_changes", {"hour": earlier})
    gateway.upkeep.run(Sweep.COUNTS)
    assert count(gateway, "hourly_counts") == hours  # accepted and sent
    feed(gateway, bounce(gateway, email))
    gateway.upkeep.run(Sweep.COUNTS)
    assert {row["day"] for row in rows(gateway, "daily_counts")} == {first_of_day(earlier)}
    counted = {row["what"] for row in rows(gateway, "daily_counts") if row["number"]}
    assert counted == {"accepted", "sent", "bounced", "hard_bounced"}


def test_many_folds_at_once_count_everything_once(gateway: Gateway) -> None:
    """A second sweep takes what the first has not taken, and neither waits for an email."""
    for _ in range(6):
        send(gateway, *PEOPLE)
    expected = as_counted(gateway)
    fold = FoldCounts(database=gateway.database, batch=3)
    with ThreadPoolExecutor(4) as pool:
        folded = [future.result() for future in [pool.submit(fold.sweep) for _ in range(4)]]
    fold.sweep()
    assert sum(folded) > 0
    assert count(gateway, "count_changes") == 0
    assert as_counted(gateway) == expected


def test_forgetting_a_person_changes_no_count(gateway: Gateway) -> None:
    """What was counted names no person, and an email that was sent stays sent."""
    email = send(gateway, "kim@example.net", "ann@example.net")
    feed(gateway, bounce(gateway, email))
    before = as_counted(gateway)
    forget(gateway, "kim@example.net", ask_ses=False)
    assert as_counted(gateway) == before


def test_each_recipient_counts_in_the_hour_of_its_own_row(
    migrated_sqlite_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite the clock goes on within a transaction, and an hour may end between two rows."""
    add = emails.add

    def as_the_hour_ends(connection: Any, new: Any) -> None:
        add(connection, new)
        connection.exec_driver_sql(
            "update recipients set created_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour') || '000'"
            " where position = 0"
        )

    monkeypatch.setattr(emails, "add", as_the_hour_ends)
    with gateway_on(migrated_sqlite_url, redis_url) as gateway:
        submit(gateway, caller(gateway), *PEOPLE)
        assert len({hour for hour, _ in as_counted(gateway)}) == 2
        assert as_counted(gateway) == recounted(gateway)


def test_what_was_accepted_before_counting_began_takes_nothing_off(gateway: Gateway) -> None:
    """Such a row names no mailbox provider."""
    email = send(gateway, "kim@example.net")
    change(gateway, "recipients", {"mailbox_provider": ""})
    before = as_counted(gateway)
    feed(gateway, bounce(gateway, email))
    assert as_counted(gateway) == before
