"""The page of a link: what it shows, what it never shows, and how it is served."""

import csv
import io
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.domain.apps.callers import Caller
from app.domain.errors import ServiceUnavailable
from app.domain.feedback.bounce_causes import BounceCause
from app.domain.reporting.outcome_links import LinkKind
from app.domain.sending.state_machine import State
from app.services.paging import Page
from app.services.reporting.outcome_links import LinkWish
from app.store.reporting import outcome_pages
from app.web.http.context import current_in_progress
from app.web.reporting import outcome_page
from tests.support.gateway.emails import submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import change
from tests.support.gateway.web import NO_ID, Web, web_on

BASE = "https://mail.example.com"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, public_url=BASE) as made:
        yield made


@pytest.fixture
def who(web: Web) -> Caller:
    """An application that sent four emails, three of them on behalf of user-7."""
    who = caller(web.gateway)
    about: dict[str, Any] = {"actor": "user-7", "reference": "party", "stream": "invites", "tags": (("list", "a"),)}
    for name, state, cause in (
        ("kim", State.BOUNCED, BounceCause.MAILBOX_FULL),
        ("lee", State.DELIVERED, None),
        ("mia", State.SENT, None),
    ):
        email = submit(web.gateway, who, f"{name}@example.net", **about)
        change(web.gateway, "recipients", {"state": state, "cause": cause}, email_id=email)
    submit(web.gateway, who, "zoe@example.net", actor="user-8", reference="other", stream="news")
    return who


def link(web: Web, who: Caller, kind: LinkKind = LinkKind.ACTOR, value: str = "user-7", **more: Any) -> str:
    """Return the path of a new link."""
    url = web.gateway.reporting.outcome_links.create(who, LinkWish(kind=kind, value=value, **more)).url
    assert url is not None
    return url.removeprefix(BASE)


def words(text: str) -> str:
    """Return the text of a page without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text.partition("<body>")[2]))


@pytest.mark.parametrize(
    "kind, value", [("actor", "user-7"), ("reference", "party"), ("stream", "invites"), ("tag", "list:a")]
)
def test_a_page_shows_what_its_link_is_for(web: Web, who: Caller, kind: str, value: str) -> None:
    """The numbers, each email with its outcome in words, and nothing of other emails of the application."""
    page = web.client.get(link(web, who, LinkKind(kind), value))
    shown = words(page.text)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "kim@example.net You are invited Not delivered The mailbox is full. Try again next week." in shown
    assert "Delivered: 1 (33 %) Not delivered: 1 (33 %) Not sent: 0 On its way: 1 (33 %) Not known: 0" in shown
    assert shown.index("mia@") < shown.index("lee@") < shown.index("kim@")
    assert "zoe" not in page.text


def test_a_page_shows_nothing_of_another_application(web: Web, who: Caller) -> None:
    """Even where both have the same actor, reference, stream and tag."""
    other = caller(web.gateway, app="other")
    submit(web.gateway, other, "secret@example.net", actor="user-7", reference="party", tags=(("list", "a"),))
    submit(web.gateway, other, "secret@example.net", stream="invites")
    for kind, value in (("actor", "user-7"), ("reference", "party"), ("stream", "invites"), ("tag", "list:a")):
        path = link(web, who, LinkKind(kind), value)
        for page in (web.client.get(path), web.client.get(f"{path}?format=csv")):
            assert "kim@example.net" in page.text
            assert "secret@" not in page.text
            assert "other" not in words(page.text)


def test_a_page_is_filtered_by_a_plain_form(web: Web, who: Caller) -> None:
    """Its numbers stay those of all emails; what the form does not offer shows all."""
    path = link(web, who)
    shown = words(web.client.get(f"{path}?outcome=not_delivered").text)
    assert "kim@" in shown
    assert "lee@" not in shown
    assert "Delivered: 1" in shown
    empty = web.client.get(f"{path}?outcome=unknown").text
    assert "No email here has this outcome." in empty
    for query in ("outcome=", "outcome=lost", "surprise=1", "after=nothing"):
        assert "lee@" in web.client.get(f"{path}?{query}").text


def test_a_long_list_has_pages(web: Web, who: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the newest to the oldest and back, by links that keep the filter."""
    monkeypatch.setattr(outcome_page, "ROWS", 1)
    path, seen = link(web, who), []
    page = web.client.get(path)
    assert 'rel="prev"' not in page.text
    while True:
        seen += re.findall(r"(\w+)@example.net", page.text)
        found = re.search(r'rel="next" href="(.+?)"', page.text)
        if found is None:
            break
        page = web.client.get(path + found[1].replace("&amp;", "&"))
    assert seen == ["mia", "lee", "kim"]
    back = re.search(r'rel="prev" href="(.+?)"', page.text)
    assert back is not None
    assert "lee@" in web.client.get(path + back[1]).text
    monkeypatch.setattr(outcome_page, "ROWS", 2)
    submit(web.gateway, who, "a@example.net", "b@example.net", "c@example.net", actor="user-9")
    of_one = web.client.get(f"{link(web, who, value='user-9')}?outcome=on_its_way")
    assert "outcome=on_its_way&amp;after=" in of_one.text


def test_a_masked_page_has_no_address(web: Web, who: Caller) -> None:
    """Neither the page nor the file, nor in the actor, nor in a subject."""
    submit(web.gateway, who, "kim.gone@example.net", actor="ann@example.com")
    path = link(web, who, value="ann@example.com", masked=True)
    for page in (web.client.get(path), web.client.get(f"{path}?format=csv")):
        assert "k•••@example.net" in page.text
        assert not re.search(r"kim|ann@|You are invited", page.text)
    assert "a•••@example.com" in web.client.get(path).text


def test_the_file_is_that_of_the_link(web: Web, who: Caller) -> None:
    """With the filter of the page."""
    answer = web.client.get(f"{link(web, who)}?outcome=not_delivered&format=csv")
    assert answer.mimetype == "text/csv"
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert (row["email"], row["sentence"]) == ("kim@example.net", "The mailbox is full.")


def test_a_file_that_cannot_be_read_is_no_file(web: Web, who: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database is away the answer is an error, not half a file."""
    path = link(web, who)

    def away(*_: Any, **__: Any) -> None:
        raise ServiceUnavailable("The database is away.", retry_after=1)

    monkeypatch.setattr(outcome_pages, "sent", away)
    answer = web.client.get(f"{path}?format=csv")
    assert (answer.status_code, answer.mimetype) == (503, "text/html")


def test_an_empty_page_says_what_would_fill_it(web: Web, who: Caller) -> None:
    """It works before the first email is sent."""
    page = web.client.get(link(web, who, value="user-99"))
    assert page.status_code == 200
    assert "As soon as one is sent, its outcome appears here." in page.text


def test_what_applications_give_is_only_text(web: Web, who: Caller) -> None:
    """Titles, actors and subjects are escaped."""
    submit(web.gateway, who, "kim@example.net", actor="<script>alert(1)</script>")
    page = web.client.get(link(web, who, value="<script>alert(1)</script>", title="<img src=x onerror=alert(1)>"))
    assert "<script" not in page.text
    assert "<img" not in page.text


def test_a_page_is_served_for_its_reader_alone(web: Web, who: Caller) -> None:
    """No script, no cookie, nothing that is kept, indexed or passed on; and the policy allows the style sheet only."""
    path = link(web, who)
    for answer in (web.client.get(path), web.client.get(f"{path}?format=csv"), web.client.get("/outcomes/nothing")):
        assert answer.headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert "Set-Cookie" not in answer.headers
        assert not re.search(r"<script|<style|style=|\son\w+=|https?:", answer.text)
    style = web.client.get("/outcomes/style.css")
    assert (style.status_code, style.mimetype) == (200, "text/css")
    assert not re.search(r"url\(|@import", style.text)
    style.close()


def test_every_link_that_shows_nothing_gets_the_same_page(web: Web, who: Caller) -> None:
    """One that never was, one with a typing error, and one that was revoked; none tells which applications exist."""
    path = link(web, who)
    row = web.gateway.reporting.outcome_links.all(who, Page(1)).data[0].link
    web.gateway.reporting.outcome_links.revoke(who, row.id)
    ended = web.client.get(path)
    unknown = [web.client.get(f"/outcomes/{token}") for token in ("x", "A" * 48, "%00", NO_ID)]
    assert (ended.status_code, {one.status_code for one in unknown}) == (410, {404})
    assert {one.text for one in (ended, *unknown)} == {ended.text}
    assert "invites" not in ended.text
    assert "This link does not work" in ended.text


def test_a_request_that_makes_no_sense_gets_a_calm_page(web: Web, who: Caller) -> None:
    """A start that is no recipient, a repeated parameter: a page with a status, never JSON and never a 500."""
    path = link(web, who)
    for query in (f"after={NO_ID}", "outcome=a&outcome=b", "x=%00"):
        page = web.client.get(f"{path}?{query}")
        assert (page.status_code, page.mimetype) == (422, "text/html")
        assert "Open the link again." in page.text


def test_one_link_has_a_rate_of_its_own(migrated_url: str, redis_url: str) -> None:
    """Beyond it the page says to try again; neither another link nor the application's own requests are slowed."""
    with web_on(migrated_url, redis_url, public_url=BASE, requests_per_second=2) as web:
        who = caller(web.gateway)
        first, second = link(web, who), link(web, who)
        answers = [web.client.get(first) for _ in range(5)]
        busy = answers[-1]
        assert (busy.status_code, busy.mimetype, busy.headers["Retry-After"]) == (429, "text/html", "1")
        assert "Please try again in a minute." in busy.text
        assert web.client.get(second).status_code == 200
        assert web.client.get("/v1/emails", headers=web.key()).status_code == 200


def test_one_link_has_few_requests_at_a_time(web: Web, who: Caller) -> None:
    """Files that are read slowly leave the other threads of the process to others."""
    path, page = link(web, who), web.gateway.reporting.outcome_links.all(who, Page(1)).data[0].link
    with web.client.application.app_context():
        in_progress = current_in_progress()
    barrier = threading.Barrier(outcome_page.AT_ONCE)

    def hold(_: int) -> None:
        in_progress.enter(page.id)
        barrier.wait()

    with ThreadPoolExecutor(outcome_page.AT_ONCE) as threads:
        list(threads.map(hold, range(outcome_page.AT_ONCE)))
        assert web.client.get(path).status_code == 429
    assert web.client.get(link(web, who)).status_code == 200
