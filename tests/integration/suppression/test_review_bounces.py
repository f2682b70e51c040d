"""The breaker for mass bounces: a burst waits for a person, suppresses meanwhile, and is decided about as a whole."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from app.domain.delivery import State
from app.domain.errors import NotFound, RestrictedApiKey, ValidationFailed
from app.services.pages import Page
from app.services.reviews import Decision
from app.services.upkeep import Sweep
from app.store.db import clock
from app.wiring import Gateway
from tests.feedback import Event, bounced, complained, delivered, put
from tests.gateways import caller, gateway_on
from tests.mails import ROOT, state_of, submit
from tests.rows import count, rows

DOMAIN = "example.org"
SECOND = timedelta(seconds=1)


@pytest.fixture
def gateway(migrated_url: str, redis_url: str) -> Iterator[Gateway]:
    """One that takes five addresses within ten minutes for a burst."""
    with gateway_on(migrated_url, redis_url, review_bounces=5) as made:
        yield made


def now(gateway: Gateway) -> datetime:
    with gateway.database.reading() as connection:
        return clock(connection)


def tell(gateway: Gateway, *events: Event) -> None:
    put(gateway, *map(json.dumps, events))
    gateway.settle.drain()


def burst(at: datetime, number: int = 5, domain: str = DOMAIN, first: int = 0) -> list[Event]:
    """Hard bounces of so many people of a domain, a second apart."""
    people = range(first, first + number)
    return [bounced(f"r{one}@{domain}", message=f"gone-{domain}-{one}", at=at + one * SECOND) for one in people]


def under_review(gateway: Gateway) -> list[str]:
    page = gateway.suppress.page(ROOT, origin=None, q=None, scope=None, page=Page(100), under_review=True)
    return sorted(entry.email for entry in page.data)


def people(number: int, first: int = 0) -> list[str]:
    return sorted(f"r{one}@{DOMAIN}" for one in range(first, first + number))


def test_a_burst_is_put_under_review_and_suppresses_meanwhile(gateway: Gateway) -> None:
    """All of it, those before the limit as well: one review, one incident, and nobody of them is written to."""
    start = now(gateway) - timedelta(minutes=5)
    tell(gateway, *burst(start, 4))
    assert gateway.upkeep.run(Sweep.REVIEWS) == 0
    tell(gateway, *burst(start, 3, first=4), bounced("ann@elsewhere.example", message="e", at=start))
    assert gateway.reviews.sweep() == 7
    assert gateway.reviews.sweep() == 0
    assert under_review(gateway) == people(7)
    assert [(one.domain, one.entries) for one in gateway.reviews.waiting(ROOT)] == [(DOMAIN, 7)]
    assert [(row["kind"], row["subject"]) for row in rows(gateway, "incidents")] == [("mass_bounces", DOMAIN)]
    assert state_of(gateway, submit(gateway, caller(gateway), f"r1@{DOMAIN}")) is State.SUPPRESSED
    assert gateway.suppress.find(ROOT, f"r1@{DOMAIN}").entries[0].status == "review"


def test_dead_addresses_among_delivered_mail_are_no_burst(gateway: Gateway) -> None:
    """As many deliveries as bounces in the window; deliveries at another time or elsewhere do not count."""
    start = now(gateway) - timedelta(minutes=30)
    for number in range(5):
        tell(gateway, delivered(f"d{number}@{DOMAIN}", message=f"d{number}", at=start))
        tell(gateway, delivered(f"d{number}@elsewhere.example", message=f"x{number}", at=start))
    tell(gateway, *burst(start), *burst(start, domain="elsewhere.example"))
    tell(gateway, *burst(start + timedelta(minutes=15), domain="later.example"))
    tell(gateway, *(delivered(f"d{one}@later.example", message=f"l{one}", at=start) for one in range(5)))
    gateway.reviews.sweep()
    assert [one.domain for one in gateway.reviews.waiting(ROOT)] == ["later.example"]


def test_news_of_deliveries_releases_what_was_no_burst_after_all(gateway: Gateway) -> None:
    """They came late; the entries stay, as of any dead address, and nobody has to decide."""
    start = now(gateway) - timedelta(minutes=5)
    tell(gateway, *burst(start))
    assert gateway.reviews.sweep() == 5
    tell(gateway, *(delivered(f"d{one}@{DOMAIN}", message=f"d{one}", at=start) for one in range(5)))
    assert gateway.reviews.sweep() == 5
    assert under_review(gateway) == []
    assert gateway.reviews.waiting(ROOT) == ()
    assert count(gateway, "suppressions", removed_at=None) == 5
    tell(gateway, *burst(start, 3, first=5))
    assert gateway.reviews.sweep() == 8


def test_a_confirmed_burst_stays_and_is_not_asked_about_again(gateway: Gateway) -> None:
    """All entries stay, with who said so; later news of the same time is covered by the answer."""
    start = now(gateway) - timedelta(minutes=5)
    tell(gateway, *burst(start))
    gateway.reviews.sweep()
    assert gateway.reviews.decide(ROOT, DOMAIN, Decision.CONFIRM, reason="They closed down.") == 5
    tell(gateway, *burst(start, 6, first=5))
    assert gateway.reviews.sweep() == 0
    assert under_review(gateway) == []
    assert count(gateway, "suppressions", removed_at=None) == 11
    [decided] = rows(gateway, "reviews")
    assert (decided["decision"], decided["decided_by"], decided["reason"]) == (
        "confirm", ROOT.actor, "They closed down.",
    )  # fmt: skip


def test_an_undone_burst_leaves_the_list_as_a_whole(gateway: Gateway) -> None:
    """Tombstones here, and soon off SES's list; a late bounce of the same burst suppresses nobody, a fresh one does."""
    gateway.upkeep.warm_positives()
    start = now(gateway) - timedelta(minutes=5)
    tell(gateway, *burst(start))
    gateway.reviews.sweep()
    assert gateway.reviews.decide(ROOT, f"@{DOMAIN}", Decision.UNDO, reason="Their server erred.") == 5
    assert count(gateway, "suppressions", removed_at=None) == 0
    assert count(gateway, "suppressions", removed_by=ROOT.actor, ses_removal="pending") == 5
    assert gateway.positives.look_up(people(5)) == frozenset()
    tell(gateway, *burst(start, 7))
    assert count(gateway, "suppressions", removed_at=None) == 0
    later = now(gateway) + timedelta(seconds=5)
    tell(gateway, bounced(f"r1@{DOMAIN}", message="fresh", at=later))
    assert [row["key"] for row in rows(gateway, "suppressions", removed_at=None)] == [f"r1@{DOMAIN}"]
    assert [row["action"] for row in rows(gateway, "audit") if row["key"]] == ["review_undo"]


def test_a_complaint_needs_no_review(gateway: Gateway) -> None:
    """Who complained as well is not let go with the others, whichever came first."""
    start = now(gateway) - timedelta(minutes=5)
    tell(gateway, complained(f"r0@{DOMAIN}", message="c0", at=start), *burst(start))
    gateway.reviews.sweep()
    tell(gateway, complained(f"r1@{DOMAIN}", message="c1", at=start))
    assert under_review(gateway) == people(3, first=2)
    gateway.reviews.decide(ROOT, DOMAIN, Decision.UNDO, reason="Their server erred.")
    live = {row["key"]: row["origin"] for row in rows(gateway, "suppressions", removed_at=None)}
    assert live == {f"r0@{DOMAIN}": "complaint", f"r1@{DOMAIN}": "complaint"}


def test_the_result_does_not_depend_on_the_order(gateway: Gateway) -> None:
    """Bounces and deliveries of two domains in any order, with looks in between: the same entries wait."""
    start = now(gateway) - timedelta(minutes=20)
    shuffle = random.Random(4)
    told = []
    for run in range(4):
        domain, other = f"one{run}.example", f"two{run}.example"
        events = [*burst(start, 6, domain), *burst(start, 6, other)]
        events += [delivered(f"d{one}@{domain}", message=f"{domain}{one}", at=start) for one in range(5)]
        events += [delivered(f"d{one}@{other}", message=f"{other}{one}", at=start) for one in range(6)]
        shuffle.shuffle(events)
        for cut in range(0, len(events), 5):
            tell(gateway, *events[cut : cut + 5], events[0])
            gateway.reviews.sweep()
        told.append([email.partition("@")[0] for email in under_review(gateway) if email.endswith(domain)])
        assert [email for email in under_review(gateway) if email.endswith(other)] == []
    assert told == [[f"r{one}" for one in range(6)]] * 4


def test_a_decision_takes_an_administrator_a_reason_and_something_to_decide(gateway: Gateway) -> None:
    """And says which of them is missing."""
    with pytest.raises(RestrictedApiKey):
        gateway.reviews.waiting(caller(gateway))
    with pytest.raises(RestrictedApiKey):
        gateway.reviews.decide(caller(gateway), DOMAIN, Decision.UNDO, reason="Because.")
    with pytest.raises(NotFound):
        gateway.reviews.decide(ROOT, DOMAIN, Decision.UNDO, reason="Because.")
    with pytest.raises(ValidationFailed):
        gateway.reviews.decide(ROOT, "com", Decision.UNDO, reason="Because.")


def test_without_a_limit_nobody_is_asked(migrated_url: str, redis_url: str) -> None:
    """`REVIEW_BOUNCES=0` turns it off."""
    with gateway_on(migrated_url, redis_url, review_bounces=0) as off:
        tell(off, *burst(now(off), 30))
        assert off.reviews.sweep() == 0
        assert under_review(off) == []
