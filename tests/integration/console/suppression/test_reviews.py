"""The page of reviews: what waits for a decision, what the servers said, and the decision of a person."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape

import pytest

from app.domain.users.roles import Role
from app.store.engine.database import clock
from tests.support.aws.notifications import bounced, put
from tests.support.console.people import signed_in
from tests.support.gateway.rows import rows
from tests.support.gateway.web import Web, web_on

DOMAIN, WHY = "example.org", "Ticket 4711."
ATTACK = "<script>alert(1)</script>"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    """A gateway that takes five addresses within ten minutes for a burst."""
    with web_on(migrated_url, redis_url, review_bounces=5) as made:
        yield made


def now(web: Web) -> datetime:
    with web.gateway.database.reading() as connection:
        return clock(connection)


def burst(web: Web, domain: str = DOMAIN, number: int = 5) -> None:
    """Let addresses of a domain bounce at once, each with a reply that repeats it, and open the review."""
    at = now(web) - timedelta(minutes=5)
    for one in range(number):
        address = f"r{one}@{domain}"
        reply = f"smtp; 550 5.1.1 <{address}> user unknown {ATTACK}"
        fields = {"action": "failed", "status": "5.1.1", "diagnosticCode": reply}
        put(web.gateway, json.dumps(bounced(address, message=f"gone-{domain}-{one}", at=at, fields=fields)))
    web.gateway.settle.drain()
    web.gateway.reviews.sweep()


def live(web: Web) -> int:
    return len(rows(web.gateway, "suppressions", removed_at=None))


def test_each_domain_that_waits_is_shown_with_what_its_server_said(web: Web) -> None:
    """Replies that differ only in the address are one, and nothing of them is markup."""
    burst(web)
    burst(web, "example.com", 6)
    html = signed_in(web, Role.VIEWER).page("/console/reviews")
    page = unescape(html)
    assert page.index(f"<h2>{DOMAIN}</h2>") < page.index("<h2>example.com</h2>")
    assert "<strong>5</strong> addresses wait" in page
    assert "user unknown" in page
    assert "5 times" in page
    assert ATTACK not in html
    assert "r1@" not in page
    assert '<form class="decision"' not in page


@pytest.mark.parametrize("decision, left", [("confirm", 5), ("undo", 0)])
def test_a_person_decides_for_all_addresses_of_a_domain(web: Web, decision: str, left: int) -> None:
    """With a reason, which the audit keeps; then nothing waits."""
    burst(web)
    person = signed_in(web, Role.SUPPORT, name="sam")
    assert f"/console/reviews/{DOMAIN}/{decision}" in person.page("/console/reviews")
    page = person.change(f"/console/reviews/{DOMAIN}/{decision}", reason=WHY).text
    assert "No domain waits." in page
    assert live(web) == left
    [noted] = rows(web.gateway, "audit", action=f"review_{decision}")
    assert (noted["actor"], noted["reason"]) == ("user:sam", WHY)


def test_a_decision_needs_a_reason_and_something_that_waits(web: Web) -> None:
    """Otherwise nothing is done."""
    burst(web)
    person = signed_in(web, Role.SUPPORT)
    assert person.post(f"/console/reviews/{DOMAIN}/undo", reason=" ").status_code == 422
    assert person.post("/console/reviews/elsewhere.example/undo", reason=WHY).status_code == 404
    assert signed_in(web, Role.VIEWER).post(f"/console/reviews/{DOMAIN}/undo", reason=WHY).status_code == 403
    assert live(web) == 5
