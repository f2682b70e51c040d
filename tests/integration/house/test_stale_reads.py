"""Decisions rest on locked rows: another transaction may have changed them since they were read.

Each test forces the moment between the read and the lock, on PostgreSQL, where another transaction writes meanwhile.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.errors import ValidationFailed
from app.domain.sending.call_outcome import Ambiguous
from app.domain.sending.state_machine import State
from app.domain.sending.unconfirmed_policy import ENOUGH_PEERS
from app.queue import Lane
from app.services.suppression.review_bounces import Decision
from app.store.feedback import events
from app.store.sending import recipients, unconfirmed
from app.store.suppression import reviews, suppressions
from app.wiring.gateway import Gateway, build
from tests.support.aws.notifications import bounced, complained, delivered, put
from tests.support.database.interleaving import just_after, others
from tests.support.gateway.emails import ROOT, state_of
from tests.support.gateway.gateways import ScriptedMailer, caller, settings_for
from tests.support.gateway.rows import rows
from tests.support.gateway.unconfirmed import ANN, be_quiet, calls_to, send_peers, submit_in_silence


@pytest.fixture
def gateway(migrated_postgres_url: str, redis_url: str, mailer: ScriptedMailer, tmp_path: Path) -> Iterator[Gateway]:
    built = build(
        settings_for(migrated_postgres_url, redis_url, flight_dir=tmp_path / "flight", review_bounces=2), mailer=mailer
    )
    yield built
    built.close()


def test_an_email_that_is_unknown_anew_waits_its_quiet_time_again(
    gateway: Gateway, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process sent it again without an answer from SES: the proof was about the first call only."""
    who = caller(gateway)
    [email] = submit_in_silence(gateway, mailer, who, ANN)
    send_peers(gateway, mailer, who, seen=ENOUGH_PEERS)
    be_quiet(gateway)

    def sent_again_in_silence() -> None:
        mailer.answers[ANN] = Ambiguous("Silence.")
        assert gateway.reconcile.sweep() == 1
        gateway.deliver.drain(Lane.TRANSACTIONAL)
        assert (state_of(gateway, email), calls_to(mailer)) == (State.UNCONFIRMED, 2)

    just_after(monkeypatch, unconfirmed, "quiet_since", sent_again_in_silence)
    assert gateway.reconcile.sweep() == 0
    assert state_of(gateway, email) is State.UNCONFIRMED
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert calls_to(mailer) == 2


def live(gateway: Gateway) -> list[tuple[str, str]]:
    """The addresses on the list, each with its reason."""
    found = [row for row in rows(gateway, "suppressions") if row["removed_at"] is None]
    return sorted((row["key"], row["origin"]) for row in found)


def settle_events(gateway: Gateway, *events: dict[str, object]) -> None:
    put(gateway, *map(json.dumps, events))
    gateway.settle.drain()


def test_an_address_that_complained_meanwhile_is_not_unsuppressed_without_force(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry was a bounce when the operator looked; the complaint came before the removal."""
    settle_events(gateway, bounced(ANN, message="b"))
    just_after(monkeypatch, suppressions, "live", lambda: settle_events(gateway, complained(ANN, message="c")))
    with pytest.raises(ValidationFailed, match="reported an email as spam"):
        gateway.unsuppress(ROOT, ANN, reason="She asked.")
    assert live(gateway) == [(ANN, "complaint")]


def test_undoing_a_burst_leaves_an_address_that_complained_meanwhile(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That entry is no longer under review: it is about that one address."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    settle_events(gateway, *(bounced(f"r{one}@example.net", message=f"m{one}", at=at) for one in range(3)))
    assert gateway.reviews.sweep() == 3
    with others(gateway) as crowd:
        # The complaint is about a newer email, so it counts after the removal too.
        complaint = complained("r1@example.net", message="c", at=datetime.now(UTC) + timedelta(hours=1))
        just_after(monkeypatch, reviews, "entries_of", lambda: crowd.begin(lambda: settle_events(gateway, complaint)))
        gateway.reviews.decide(ROOT, "example.net", Decision.UNDO, reason="Their server erred.")
        crowd.results()
    assert live(gateway) == [("r1@example.net", "complaint")]


def test_an_address_that_complained_meanwhile_is_not_put_under_review(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A burst is about bounces: undoing it must not undo a complaint."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    settle_events(gateway, *(bounced(f"r{one}@example.net", message=f"m{one}", at=at) for one in range(3)))
    with others(gateway) as crowd:
        complaint = complained("r1@example.net", message="c")
        just_after(monkeypatch, reviews, "undecided", lambda: crowd.begin(lambda: settle_events(gateway, complaint)))
        gateway.reviews.sweep()
        crowd.results()
    reviewed = [row["key"] for row in rows(gateway, "suppressions") if row["review_id"] is not None]
    assert sorted(reviewed) == ["r0@example.net", "r2@example.net"]


def test_a_removal_that_comes_while_an_older_bounce_is_settled_sticks(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bounced email left before the removal: whichever commits first, the address is off the list."""
    settle_events(gateway, bounced(ANN, message="first"))
    with others(gateway) as crowd:
        just_after(
            monkeypatch,
            suppressions,
            "last_removal",
            lambda: crowd.begin(lambda: gateway.unsuppress(ROOT, ANN, reason="It is back.", wait_for_ses=False)),
        )
        settle_events(gateway, bounced(ANN, message="second"))
        crowd.results()
    assert live(gateway) == []


def test_an_entry_that_a_person_adds_while_a_pause_ends_stays(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delivery ends the pause of the address, not the entry that has replaced it."""
    at = datetime.now(UTC) - timedelta(hours=1)
    settle_events(gateway, *(bounced(ANN, message=f"s{one}", kind="Transient", at=at) for one in range(3)))
    assert live(gateway) == [(ANN, "bounce")]
    with others(gateway) as crowd:
        just_after(
            monkeypatch,
            events,
            "last_delivery",
            lambda: crowd.begin(lambda: gateway.suppress.add(ROOT, ANN, reason="She called.")),
        )
        settle_events(gateway, delivered(ANN, message="d", at=datetime.now(UTC)))
        crowd.results()
    assert live(gateway) == [(ANN, "manual")]


def test_soft_bounces_that_are_settled_at_the_same_time_are_all_counted(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two settlers hold one bounce each and see the other's only after its commit; the address is still paused."""
    at = datetime.now(UTC) - timedelta(hours=1)
    first, second, third = (bounced(ANN, message=f"s{one}", kind="Transient", at=at) for one in range(3))
    settle_events(gateway, first)
    put(gateway, json.dumps(second))
    with others(gateway) as crowd:

        def meanwhile() -> None:
            put(gateway, json.dumps(third))
            crowd.begin(gateway.settle.drain)

        just_after(monkeypatch, recipients, "save", meanwhile)
        gateway.settle.drain()
        crowd.results()
    assert live(gateway) == [(ANN, "bounce")]
