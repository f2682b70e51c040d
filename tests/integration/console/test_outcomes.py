"""Outcomes for people: the list with its numbers, and links that show it to people without a sign-in."""

import re
from collections.abc import Iterator
from html import unescape
from uuid import UUID

import pytest

from app.domain.apps.callers import Caller
from app.domain.users.roles import Role
from app.queue import Lane
from app.web.console.frame import lists
from tests.support.console.attacks import IMAGE, SCRIPT, require_harmless
from tests.support.console.people import signed_in
from tests.support.gateway.emails import bounce, delivery, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change, rows
from tests.support.gateway.web import Web, web_on

OUTCOMES, LINKS, WHY = "/console/outcomes", "/console/outcome-links", "Marketing wants to see them."
BASE = "https://mail.example.com"
KIM = "kim@example.net"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, public_url=BASE) as made:
        yield made


@pytest.fixture
def who(web: Web) -> Caller:
    return caller(web.gateway)


@pytest.fixture
def emails(web: Web, who: Caller) -> list[UUID]:
    """One that bounced, one that was delivered, and one with two recipients that was canceled."""
    bounced = submit(web.gateway, who, KIM, actor="eve@example.org", reference="Invitation 7")
    delivered = submit(web.gateway, who, "ann@example.net", tags=(("campaign", "spring"),))
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(web.gateway, bounce(web.gateway, bounced))
    feed(web.gateway, delivery(web.gateway, delivered))
    canceled = submit(web.gateway, who, "b1@example.net", "b2@example.net", stream="news")
    web.gateway.revise.cancel(who, canceled)
    return [bounced, delivered, canceled]


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def listed(page: str) -> list[str]:
    """Return the ids of the emails of a page, one for each recipient."""
    return re.findall(r'<th role="rowheader" scope="row" class="wide"><a href="/console/emails/([0-9a-f-]{36})"', page)


def test_the_page_counts_and_lists_outcomes(web: Web, emails: list[UUID]) -> None:
    """The numbers are those of the list, and each leads to its part of it."""
    person = signed_in(web)
    page = person.page(OUTCOMES)
    bounced, delivered, canceled = map(str, emails)
    assert listed(page) == [canceled, canceled, delivered, bounced]
    numbers = re.search(r'<ul class="shares">(.+?)</ul>', page, re.DOTALL)
    assert numbers is not None
    assert text_of(numbers[1]) == ("On its way 0 Delivered 1 25 % Not delivered 1 25 % Not sent 2 50 % Not known 0")
    for kind, those in (("not_delivered", [bounced]), ("not_sent", [canceled, canceled]), ("unknown", [])):
        (url,) = re.findall(rf'href="([^"]+outcome={kind})"', numbers[1])
        assert listed(person.page(unescape(url))) == those


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": "not_delivered"},
        {"cause": "mailbox_gone"},
        {"to": KIM},
        {"actor": "eve@example.org"},
        {"reference": "Invitation 7", "app": "invites", "since": "2020-01-31", "until": "2120-01-31"},
    ],
)
def test_the_list_is_filtered(web: Web, emails: list[UUID], fields: dict[str, str]) -> None:
    """By each filter, which stays chosen; nothing that may name a person is in the URL."""
    person = signed_in(web)
    answer = person.post(f"{OUTCOMES}/filter", **fields)
    assert not re.search(r"@|%40|example|Invitation", answer.headers["Location"])
    page = person.page(answer.headers["Location"])
    assert listed(page) == [str(emails[0])]
    for value in fields.values():
        assert re.search(rf'value="{re.escape(value)}"|selected>{value}<', page), value
    assert len(person.page(f"{answer.headers['Location']}&format=csv").splitlines()) == 2


def test_a_viewer_sees_no_address(web: Web, emails: list[UUID]) -> None:
    """Neither in the page nor in the file, which has the same columns as that of the API."""
    viewer, support = signed_in(web, Role.VIEWER), signed_in(web, Role.SUPPORT)
    for path in (OUTCOMES, f"{OUTCOMES}?format=csv"):
        assert "k•••@example.net" in viewer.page(path)
        assert not re.search(r"\b(?:kim|ann|eve|b1)@", viewer.page(path))
        assert KIM in support.page(path)
    api = web.client.get("/v1/outcomes?format=csv", headers=web.key())
    assert support.page(f"{OUTCOMES}?format=csv").splitlines()[0] == api.text.splitlines()[0]
    assert len(emails) == 3


def test_long_lists_have_pages(web: Web, emails: list[UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    """Older leads on, also between two recipients of one email."""
    monkeypatch.setattr(lists, "ROWS", 1)
    person, seen, url = signed_in(web), [], OUTCOMES
    while True:
        page = person.page(url)
        seen += listed(page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        if older is None:
            break
        url = unescape(older[1])
    assert seen == [str(emails[2]), str(emails[2]), str(emails[1]), str(emails[0])]


def test_an_attack_in_an_email_is_shown_as_text(web: Web, emails: list[UUID]) -> None:
    """In its subject."""
    change(web.gateway, "emails", {"subject": f"{SCRIPT}{IMAGE}"})
    page = signed_in(web).page(OUTCOMES)
    require_harmless(page)
    assert SCRIPT in unescape(page)
    assert len(listed(page)) > len(emails)


def test_an_empty_list_says_what_fills_it(web: Web, who: Caller) -> None:
    """Without any email, and when a filter hides them all."""
    person = signed_in(web)
    assert "There is no outcome yet." in person.page(OUTCOMES)
    submit(web.gateway, who, KIM)
    assert "No outcome passes these filters." in person.page(f"{OUTCOMES}?stream=other")


def test_a_link_is_shown_once_and_works(web: Web, emails: list[UUID]) -> None:
    """Whoever has it sees the outcomes without a sign-in, with masks where they were asked for, until it is revoked."""
    support = signed_in(web, Role.SUPPORT)
    fields = {"app": "invites", "kind": "actor", "value": "eve@example.org", "masked": "true", "days": "3"}
    page = support.change(LINKS, **fields, title=SCRIPT, reason=WHY).text
    require_harmless(page)
    found = re.search(rf'<code id="link">{BASE}(/outcomes/[^<]+)</code>', page)
    assert found is not None
    shown = web.client.get(found[1])
    assert (shown.status_code, "k•••@example.net" in shown.text, KIM in shown.text) == (200, True, False)
    again = support.page(LINKS)
    assert found[1] not in again
    assert "eve@example.org" in again
    viewer = signed_in(web, Role.VIEWER)
    for path in (LINKS, f"{LINKS}?format=csv"):
        assert "e•••@example.org" in viewer.page(path)
        assert "eve@example.org" not in viewer.page(path)
    assert found[1] not in support.page(f"{LINKS}?format=csv")
    (link,) = rows(web.gateway, "outcome_links")
    assert "is revoked" in support.change(f"{LINKS}/{link['id']}/revoke", reason=WHY).text
    assert web.client.get(found[1]).status_code == 410
    noted = [
        (row["actor"], row["action"], row["reason"]) for row in rows(web.gateway, "audit") if "link" in row["data"]
    ]
    assert noted == [(f"user:{support.name}", f"outcome_link_{one}", WHY) for one in ("create", "revoke")]
    assert len(emails) == 3


@pytest.mark.parametrize(
    "wrong, rule",
    [
        ({"app": "no-such-app"}, "There is no application of this name"),
        ({"kind": "tag", "value": "spring"}, "Give a tag as name:value"),
        ({"days": "400"}, "days"),
        ({"value": " "}, "value"),
        ({"reason": ""}, "reason"),
    ],
)
def test_a_link_that_cannot_be_made_says_why(web: Web, who: Caller, wrong: dict[str, str], rule: str) -> None:
    """By the name of the field."""
    fields = {"app": who.app, "kind": "stream", "value": "news", "reason": WHY} | wrong
    answer = signed_in(web, Role.SUPPORT).post(LINKS, **fields)
    assert (answer.status_code, rule in unescape(answer.text)) == (422, True)


def test_a_viewer_makes_no_link(web: Web, who: Caller) -> None:
    """And is offered none."""
    viewer = signed_in(web, Role.VIEWER)
    assert "Make a link" not in viewer.page(LINKS)
    fields = {"app": who.app, "kind": "stream", "value": "news", "reason": WHY}
    assert viewer.post(LINKS, **fields).status_code == 403
