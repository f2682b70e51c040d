"""`/console/incidents`: what holds email back, and incidents; paused, resumed and closed with a reason."""

import csv
import io
import re
from collections.abc import Iterator
from html import unescape

import pytest

from app.domain.users.roles import Role
from app.queue import Lane
from app.store.operating import incidents
from app.store.sending import circuits
from app.wiring.gateway import Gateway
from tests.support.console.people import signed_in
from tests.support.gateway.emails import ROOT
from tests.support.gateway.rows import rows
from tests.support.gateway.web import Web, web_on

ATTACK = "<script>alert(1)</script>"
INCIDENTS = "/console/incidents"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


def note(gateway: Gateway, subject: str, *, kind: str = "refused_for_policy", detail: str = "It refuses us.") -> None:
    with gateway.database.transaction() as connection:
        incidents.note(connection, kind=kind, subject=subject, detail=detail)


def subjects(page: str) -> list[str]:
    """The subjects of the incidents of a page."""
    return [unescape(one).strip() for one in re.findall(r"<h3>.*?</span>(.*?)</h3>", page, re.DOTALL)]


def test_an_incident_says_what_happened_and_what_to_do(web: Web) -> None:
    """With its detail, its count and the page on which a person acts."""
    note(web.gateway, "example.net", kind="mass_bounces", detail="12 of 12 bounced.")
    note(web.gateway, "example.net", kind="mass_bounces", detail="30 of 31 bounced.")
    page = signed_in(web, Role.VIEWER).page(INCIDENTS)
    assert subjects(page) == ["example.net"]
    for text in (
        "30 of 31 bounced.",
        "its server is the more likely cause",
        "<code>./postern suppressions review</code>",
        "2 times",
    ):
        assert text in page
    assert '">Reviews</a></dd>' in page
    assert "Close</summary>" not in page


def test_an_operator_closes_an_incident_and_says_why(web: Web) -> None:
    """It is listed among the closed ones then, and the audit has the person and the reason."""
    note(web.gateway, "a.example")
    note(web.gateway, "b.example")
    operator = signed_in(web, Role.OPERATOR, name="olga")
    [one] = [row for row in rows(web.gateway, "incidents") if row["subject"] == "a.example"]
    url = f"{INCIDENTS}/{one['id']}/close"
    assert url in operator.page(INCIDENTS)
    assert operator.post(url).status_code == 422
    page = operator.change(url, reason="Off the block list.").text
    assert "Closed. It opens again" in page
    assert subjects(page) == ["b.example"]
    assert subjects(operator.page(f"{INCIDENTS}?which=closed")) == ["a.example"]
    [entry] = rows(web.gateway, "audit", action="incident_close")
    assert (entry["actor"], entry["reason"]) == ("user:olga", "Off the block list.")
    assert operator.post(url, reason="Again.").status_code == 404


def test_pages_lead_to_all_incidents(web: Web) -> None:
    """Open ones by when they last happened; forth and back."""
    for number in range(60):
        note(web.gateway, f"host{number}.example")
    person = signed_in(web, Role.VIEWER)
    first = person.page(INCIDENTS)
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older is not None
    second = person.page(unescape(older[1]))
    assert sorted(subjects(first) + subjects(second)) == sorted(f"host{number}.example" for number in range(60))
    newer = re.search(r'rel="prev" href="([^"]+)"', second)
    assert newer is not None
    assert subjects(person.page(unescape(newer[1]))) == subjects(first)


def test_all_open_or_all_closed_ones_are_downloaded(web: Web) -> None:
    """Masked for a viewer, as on the page."""
    note(web.gateway, "a.example", detail="kim@example.net is unknown.")
    [header, line] = csv.reader(io.StringIO(signed_in(web, Role.VIEWER).get(f"{INCIDENTS}.csv").text))
    assert header == ["kind", "subject", "count", "first", "last", "closed", "detail"]
    assert line[1:3] == ["a.example", "1"]
    assert "kim@" not in line[6]
    [_, line] = csv.reader(io.StringIO(signed_in(web, Role.SUPPORT).get(f"{INCIDENTS}.csv").text))
    assert line[6] == "kim@example.net is unknown."


def test_a_lane_is_paused_and_resumed_with_a_reason(web: Web) -> None:
    """The page says what waits and why meanwhile, to everybody, and the audit has both reasons."""
    operator = signed_in(web, Role.OPERATOR, name="olga")
    page = operator.change("/console/lanes/pause", lane="bulk", reason="Wrong picture.").text
    assert "The lane bulk is paused" in page
    assert "Pause the lane bulk" not in page
    assert "Wrong picture." in signed_in(web, Role.VIEWER).page(INCIDENTS)
    page = operator.change("/console/lanes/resume", lane="bulk", reason="Right picture.").text
    assert "Every lane sends." in page
    for action, why in (("pause", "Wrong picture."), ("resume", "Right picture.")):
        [entry] = rows(web.gateway, "audit", action=action)
        assert (entry["actor"], entry["reason"], entry["data"]) == ("user:olga", why, {"lane": "bulk"})
    for path, fields in (("pause", {"lane": "bulk"}), ("pause", {"lane": "none", "reason": "x"})):
        assert operator.post(f"/console/lanes/{path}", **fields).status_code == 422
    assert operator.post("/console/lanes/resume", lane="bulk", reason="x").status_code == 404


@pytest.mark.parametrize(
    "scope, words, todo",
    [
        ("ses", "Every email", "tries again every ten seconds"),
        ("account", "Every email", "SES console of AWS"),
        ("sender:example.com", "Email from example.com", "Verify the sender"),
        ("stream:shop/news", "Email of the stream shop/news", "Set PUBLIC_URL"),
        ("recovery", "The database is being recovered", "recovery status"),
    ],
)
def test_a_circuit_says_what_waits_and_what_to_do(web: Web, scope: str, words: str, todo: str) -> None:
    """With its reason; only a paused lane is resumed here."""
    with web.gateway.database.transaction() as connection:
        circuits.trip(connection, scope, reason="SES said no.")
    page = signed_in(web, Role.OPERATOR).page(INCIDENTS)
    for text in (words, todo, "SES said no."):
        assert text in page
    assert "Resume</summary>" not in page


def test_what_others_wrote_does_nothing_on_the_page(web: Web) -> None:
    """Subject, detail, kind and reasons are shown as text."""
    note(web.gateway, ATTACK, detail=ATTACK, kind="<b>kind")
    web.gateway.pause_lanes.pause(ROOT, Lane.BULK, reason=ATTACK)
    page = signed_in(web, Role.OPERATOR).page(INCIDENTS)
    assert ATTACK not in page
    assert "<b>" not in page
    assert subjects(page) == [ATTACK]
