"""The limit on mass bounces: a burst suppresses at once, and a person decides about it as a whole."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from app.domain.errors import NotFound, RestrictedApiKey, ValidationFailed
from app.domain.sending.state_machine import State
from app.services.operating.sweeps import Sweep
from app.services.paging import Page
from app.services.suppression.review_bounces import Decision
from app.store.engine.database import clock
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import Event, bounced, complained, delivered, put
from tests.support.gateway.emails import ROOT, state_of, submit
from tests.support.gateway.gateways import caller, gateway_on
from tests.support.gateway.rows import change, count, rows

DOMAIN = "example.org"
SECOND = timedelta(seconds=1)


@pytest.fixture
def gateway(migrated_url: str, redis_url: str) -> Iterator[Gateway]:
    """A gateway that takes five addresses within ten minutes for a burst."""
    with gateway_on(migrated_url, redis_url, review_bounces=5) as made:
        yield made


def now(gateway: Gateway) -> datetime:
    with gateway.database.reading() as connection:
        return clock(connection)


def settle_events(gateway: Gateway, *events: Event) -> None:
    put(gateway, *map(json.dumps, events))
    gateway.settle.drain()


def burst(at: datetime, number: int = 5, domain: str = DOMAIN, first: int = 0) -> list[Event]:
    """Hard bounces of `number` addresses of a domain, a second apart."""
    people = range(first, first + number)
    return [bounced(f"r{one}@{domain}", message=f"gone-{domain}-{one}", at=at + one * SECOND) for one in people]


def under_review(gateway: Gateway) -> list[str]:
    page = gateway.suppress.page(ROOT, origin=None, q=None, scope=None, page=Page(100), under_review=True)
    return sorted(entry.email for entry in page.data)


def people(number: int, first: int = 0) -> list[str]:
    return sorted(f"r{one}@{DOMAIN}" for one in range(first, first + number))


def test_a_burst_is_put_under_review_and_suppresses_meanwhile(gateway: Gateway) -> None:
    """All of it, also the bounces before the limit: one review, one incident, and none of the addresses gets email."""
    start = now(gateway) - timedelta(minutes=5)
    settle_events(gateway, *burst(start, 4))
    assert gateway.upkeep.run(Sweep.REVIEWS) == 0
    settle_events(gateway, *burst(start, 3, first=4), bounced("ann@elsewhere.example", message="e", at=start))
    assert gateway.reviews.sweep() == 7
    assert gateway.reviews.sweep() == 0
    assert under_review(gateway) == people(7)
    assert [(one.domain, one.entries) for one in gateway.reviews.waiting(ROOT)] == [(DOMAIN, 7)]
    assert [(row["kind"], row["subject"]) for row in rows(gateway, "incidents")] == [("mass_bounces", DOMAIN)]
    assert state_of(gateway, submit(gateway, caller(gateway), f"r1@{DOMAIN}")) is State.SUPPRESSED
    assert gateway.suppress.find(ROOT, f"r1@{DOMAIN}").entries[0].status == "review"


def test_dead_addresses_among_many_deliveries_are_no_burst(gateway: Gateway) -> None:
    """As many deliveries as bounces in the window; deliveries at another time or elsewhere do not count."""
    start = now(gateway) - timedelta(minutes=30)
    for number in range(5):
        settle_events(gateway, delivered(f"d{number}@{DOMAIN}", message=f"d{number}", at=start))
        settle_events(gateway, delivered(f"d{number}@elsewhere.example", message=f"x{number}", at=start))
    settle_events(gateway, *burst(start), *burst(start, domain="elsewhere.example"))
    settle_events(gateway, *burst(start + timedelta(minutes=15), domain="later.example"))
    settle_events(gateway, *(delivered(f"d{one}@later.example", message=f"l{one}", at=start) for one in range(5)))
    gateway.reviews.sweep()
    assert [one.domain for one in gateway.reviews.waiting(ROOT)] == ["later.example"]


def test_late_deliveries_end_a_review_that_was_no_burst(gateway: Gateway) -> None:
    """The entries stay, as for any dead address, and no person has to decide."""
    start = now(gateway) - timedelta(minutes=5)
    settle_events(gateway, *burst(start))
    assert gateway.reviews.sweep() == 5
    settle_events(gateway, *(delivered(f"d{one}@{DOMAIN}", message=f"d{one}", at=start) for one in range(5)))
    assert gateway.reviews.sweep() == 5
    assert under_review(gateway) == []
    assert gateway.reviews.waiting(ROOT) == ()
    assert count(gateway, "suppressions", removed_at=None) == 5
    settle_events(gateway, *burst(start, 3, first=5))
    assert gateway.reviews.sweep() == 8


def test_a_confirmed_burst_stays_and_is_not_asked_about_again(gateway: Gateway) -> None:
    """All entries stay, with the deciding actor; later events of the same time are covered by the decision."""
    start = now(gateway) - timedelta(minutes=5)
    settle_events(gateway, *burst(start))
    gateway.reviews.sweep()
    assert gateway.reviews.decide(ROOT, DOMAIN, Decision.CONFIRM, reason="They closed down.") == 5
    settle_events(gateway, *burst(start, 6, first=5))
    assert gateway.reviews.sweep() == 0
    assert under_review(gateway) == []
    assert count(gateway, "suppressions", removed_at=None) == 11
    [decided] = rows(gateway, "reviews")
    assert (decided["decision"], decided["decided_by"], decided["reason"]) == (
        "confirm", ROOT.actor, "They closed down.",
    )  # fmt: skip


def test_an_undone_burst_leaves_the_list_as_a_whole(gateway: Gateway) -> None:
    """Tombstones here, and soon off SES's list. A late bounce of the burst suppresses no address, a fresh one does."""
    gateway.upkeep.warm_positives()
    start = now(gateway) - timedelta(minutes=5)
    settle_events(gateway, *burst(start))
    gateway.reviews.sweep()
    assert gateway.reviews.decide(ROOT, f"@{DOMAIN}", Decision.UNDO, reason="Their server erred.") == 5
    assert count(gateway, "suppressions", removed_at=None) == 0
    assert count(gateway, "suppressions", removed_by=ROOT.actor, ses_removal="pending") == 5
    assert gateway.positives.look_up(people(5)) == frozenset()
    settle_events(gateway, *burst(start, 7))
    assert count(gateway, "suppressions", removed_at=None) == 0
    later = now(gateway) + timedelta(seconds=5)
    settle_events(gateway, bounced(f"r1@{DOMAIN}", message="fresh", at=later))
    assert [row["key"] for row in rows(gateway, "suppressions", removed_at=None)] == [f"r1@{DOMAIN}"]
    assert [row["action"] for row in rows(gateway, "audit") if row["key"]] == ["review_undo"]


def test_a_complaint_needs_no_review(gateway: Gateway) -> None:
    """An address that also complained is not unsuppressed with the others, whichever event came first."""
    start = now(gateway) - timedelta(minutes=5)
    settle_events(gateway, complained(f"r0@{DOMAIN}", message="c0", at=start), *burst(start))
    gateway.reviews.sweep()
    settle_events(gateway, complained(f"r1@{DOMAIN}", message="c1", at=start))
    assert under_review(gateway) == people(3, first=2)
    gateway.reviews.decide(ROOT, DOMAIN, Decision.UNDO, reason="Their server erred.")
    live = {row["key"]: row["origin"] for row in rows(gateway, "suppressions", removed_at=None)}
    assert live == {f"r0@{DOMAIN}": "complaint", f"r1@{DOMAIN}": "complaint"}


def test_the_result_does_not_depend_on_the_order(gateway: Gateway) -> None:
    """Bounces and deliveries of two domains in any order, with sweeps in between: the same entries wait."""
    start = now(gateway) - timedelta(minutes=20)
    shuffle = random.Random(4)
    results = []
    for run in range(4):
        domain, other = f"one{run}.example", f"two{run}.example"
        events = [*burst(start, 6, domain), *burst(start, 6, other)]
        events += [delivered(f"d{one}@{domain}", message=f"{domain}{one}", at=start) for one in range(5)]
        events += [delivered(f"d{one}@{other}", message=f"{other}{one}", at=start) for one in range(6)]
        shuffle.shuffle(events)
        for cut in range(0, len(events), 5):
            settle_events(gateway, *events[cut : cut + 5], events[0])
            gateway.reviews.sweep()
        results.append([email.partition("@")[0] for email in under_review(gateway) if email.endswith(domain)])
        assert [email for email in under_review(gateway) if email.endswith(other)] == []
    assert results == [[f"r{one}" for one in range(6)]] * 4


def test_a_decision_takes_an_administrator_a_reason_and_something_to_decide(gateway: Gateway) -> None:
    """The refusal says which of them is missing."""
    with pytest.raises(RestrictedApiKey):
        gateway.reviews.waiting(caller(gateway))
    with pytest.raises(RestrictedApiKey):
        gateway.reviews.decide(caller(gateway), DOMAIN, Decision.UNDO, reason="Because.")
    with pytest.raises(NotFound):
        gateway.reviews.decide(ROOT, DOMAIN, Decision.UNDO, reason="Because.")
    with pytest.raises(ValidationFailed):
        gateway.reviews.decide(ROOT, "com", Decision.UNDO, reason="Because.")


def test_without_a_limit_there_is_no_review(migrated_url: str, redis_url: str) -> None:
    """`REVIEW_BOUNCES=0` turns it off."""
    with gateway_on(migrated_url, redis_url, review_bounces=0) as off:
        settle_events(off, *burst(now(off), 30))
        assert off.reviews.sweep() == 0
        assert under_review(off) == []


def test_a_domain_that_cannot_be_read_delays_no_other(gateway: Gateway) -> None:
    """Its events are of an unknown kind; the burst at the other domain is found, and an operator sees the failure."""
    start = now(gateway) - timedelta(minutes=5)
    settle_events(gateway, *burst(start, domain="broken.example"), *burst(start))
    for row in rows(gateway, "events", domain="broken.example"):
        change(gateway, "events", {"data": row["data"] | {"bounce_type": "of tomorrow"}}, id=row["id"])
    assert gateway.upkeep.run(Sweep.REVIEWS) == 5
    assert [one.domain for one in gateway.reviews.waiting(ROOT)] == [DOMAIN]
    noted = {(row["kind"], row["subject"]) for row in rows(gateway, "incidents")}
    assert noted == {("mass_bounces", DOMAIN), ("sweep_skipped", "reviews: broken.example")}
