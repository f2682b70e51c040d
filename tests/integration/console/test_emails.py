"""The list of emails: what it shows and to whom, its filters, its pages and its file."""

import re
from collections.abc import Iterator
from html import unescape
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.domain.apps.callers import Caller
from app.domain.users.roles import Role
from app.queue import Lane
from app.web.console.frame import lists
from tests.support.console.attacks import IMAGE, SCRIPT, require_harmless
from tests.support.console.people import Person, signed_in
from tests.support.gateway.emails import bounce, feed, submission, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.web import Web, web_on

EMAILS = "/console/emails"
LINK = re.compile(r'href="/console/emails/([0-9a-f-]{36})"')


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


@pytest.fixture
def who(web: Web) -> Caller:
    return caller(web.gateway)


def listed(page: str) -> list[str]:
    """Return the ids of the emails of a page, in its order."""
    return LINK.findall(page)


def filtered(person: Person, **fields: str) -> str:
    """Filter the list with its form, and return the page that this leads to."""
    answer = person.post(f"{EMAILS}/filter", **fields)
    assert answer.status_code == 303, answer.text
    assert "@" not in answer.headers["Location"]
    assert "%40" not in answer.headers["Location"]
    return person.page(answer.headers["Location"])


def test_the_list_says_what_became_of_each_email(web: Web, who: Caller) -> None:
    """The newest first: recipients, subject, application and the outcome in words."""
    first = submit(web.gateway, who, "ann@example.net")
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(web.gateway, bounce(web.gateway, first))
    second = submit(web.gateway, who, *(f"p{number}@example.net" for number in range(5)))
    page = signed_in(web).page(EMAILS)
    assert listed(page) == [str(second), str(first)]
    text = unescape(re.sub(r"<[^>]+>", " ", page))
    for told in ("You are invited", "invites", "ann@example.net", "Not delivered", "5 On its way", "and 3 more"):
        assert told in text


def test_a_viewer_sees_no_address(web: Web, who: Caller) -> None:
    """Neither in the page nor in the file, not even one in a subject, an actor or a reference."""
    email = submission("ann@example.net", actor="eve@example.org", reference="Re: bob@example.com")
    web.gateway.accept(who, [email], idempotency=None, answer=lambda receipts: {"id": str(receipts[0].id)})
    viewer, support = signed_in(web, Role.VIEWER), signed_in(web, Role.SUPPORT)
    for path in (EMAILS, f"{EMAILS}?format=csv"):
        assert "a•••@example.net" in viewer.page(path)
        assert not re.search(r"(?:ann|eve|bob)@", viewer.page(path))
        assert "ann@example.net" in support.page(path)


@pytest.mark.parametrize(
    "fields",
    [
        {"to": " Kim@Example.NET "},
        {"actor": "eve@example.org"},
        {"reference": "Invitation 7"},
        {"last_event": "bounced"},
        {"state": "bounced"},
        {"state": "bounced,complained", "cause": "mailbox_gone"},
        {"tag": "campaign:spring"},
        {"stream": "news", "app": "invites", "since": "2020-01-31", "until": "2120-01-31"},
    ],
)
def test_the_list_is_filtered(web: Web, who: Caller, fields: dict[str, str]) -> None:
    """By each filter. What was chosen stays chosen, and nothing that may name a person is in a URL."""
    wanted = submit(
        web.gateway,
        who,
        "kim@example.net",
        stream="news",
        tags=(("campaign", "spring"),),
        actor="eve@example.org",
        reference="Invitation 7",
    )
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(web.gateway, bounce(web.gateway, wanted))
    submit(web.gateway, who, "ann@example.net")
    page = filtered(signed_in(web), **fields)
    assert listed(page) == [str(wanted)]
    for value in fields.values():
        assert re.search(rf'value="{re.escape(value.strip())}"|selected>{value}<', page), value


def accepted_by(web: Web, who: Caller, request_id: str, *people: str) -> list[str]:
    """Accept an email to each of these by one request, and return the ids of the emails."""
    answer = web.gateway.accept(
        who,
        [submission(one) for one in people],
        idempotency=None,
        answer=lambda receipts: {"ids": [str(one.id) for one in receipts]},
        request_id=UUID(request_id),
    )
    ids: list[str] = answer.body["ids"]
    return ids


def test_the_id_of_a_request_leads_to_its_emails(web: Web, who: Caller) -> None:
    """The search shows the email itself if it is the only one, else the list; each email leads to the others."""
    submit(web.gateway, who, "other@example.net")
    several, alone = str(uuid7()), str(uuid7())
    ids = {
        several: accepted_by(web, who, several, "ann@example.net", "bob@example.net"),
        alone: accepted_by(web, who, alone, "ann@example.net"),
    }
    person = signed_in(web, Role.VIEWER)
    assert person.post("/console/find", text=alone).headers["Location"] == f"{EMAILS}/{ids[alone][0]}"
    found = person.post("/console/find", text=f" {several} ").headers["Location"]
    assert listed(person.page(found)) == ids[several][::-1]
    assert listed(filtered(person, request_id=several, to="ann@example.net")) == ids[several][:1]
    assert f'href="{found}">{several}</a>' in person.page(f"{EMAILS}/{ids[several][0]}")
    assert person.post("/console/find", text=str(uuid7())).status_code == 404


def test_a_filter_that_a_viewer_sees_masked_stays_as_it_is(web: Web, who: Caller) -> None:
    """The form sends back the masked text, which stands for the same address until something else is typed."""
    kim = submit(web.gateway, who, "kim@example.net")
    submit(web.gateway, who, "kit@example.net")
    viewer = signed_in(web, Role.VIEWER)
    token = web.gateway.address_tokens.write("kim@example.net")
    page = viewer.page(f"{EMAILS}?to={token}")
    assert 'value="k•••@example.net"' in page
    assert listed(page) == [str(kim)]
    again = filtered(viewer, to="k•••@example.net", kept_to=token, app="invites")
    assert listed(again) == [str(kim)]
    other = filtered(viewer, to="ann@example.net", kept_to=token)
    assert listed(other) == []


@pytest.mark.parametrize(
    "query, rule",
    [
        ("since=yesterday", "Give a date"),
        ("state=lost", "state"),
        ("last_event=lost", "last event"),
        ("app=no-such-app", "There is no application of this name"),
        ("to=AAAA", "The link is damaged"),
        ("tag=spring", "Give a tag as name:value"),
    ],
)
def test_a_filter_that_means_nothing_is_refused_by_name(web: Web, query: str, rule: str) -> None:
    """The page says which field is wrong, and how it is written."""
    answer = signed_in(web).get(f"{EMAILS}?{query}")
    assert answer.status_code in {404, 422}
    assert rule in unescape(answer.text)


def test_what_is_no_address_is_refused_by_the_name_of_its_field(web: Web) -> None:
    """The refusal never repeats what was typed."""
    person = signed_in(web)
    answer = person.get(person.post(f"{EMAILS}/filter", to="not an address").headers["Location"])
    assert (answer.status_code, "<strong>to</strong>" in answer.text) == (422, True)
    assert "not an address" not in answer.text


def test_long_lists_have_pages(web: Web, who: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older and newer lead through all of them with the same filters, and the file has all of them."""
    monkeypatch.setattr(lists, "ROWS", 2)
    sent = [str(submit(web.gateway, who, f"p{number}@example.net", stream="news")) for number in range(5)][::-1]
    person = signed_in(web)
    page, seen = person.page(f"{EMAILS}?stream=news"), []
    while True:
        seen += listed(page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        if older is None:
            break
        assert "stream=news" in older[1]
        page = person.page(unescape(older[1]))
    assert seen == sent
    newer = re.search(r'rel="prev" href="([^"]+)"', page)
    assert newer is not None
    assert listed(person.page(unescape(newer[1]))) == sent[2:4]
    file = person.get(f"{EMAILS}?format=csv&stream=news")
    assert file.mimetype == "text/csv"
    assert [line.split(",")[0] for line in file.text.splitlines()[1:]] == sent


def test_an_attack_in_an_email_is_shown_as_text(web: Web, who: Caller) -> None:
    """In its subject, the names and its own words; in the file no cell is a formula."""
    email = submission(f'"{SCRIPT}" <ann@example.net>', actor=f"=cmd{SCRIPT}", reference=IMAGE)
    web.gateway.accept(who, [email], idempotency=None, answer=lambda receipts: {"id": str(receipts[0].id)})
    person = signed_in(web)
    require_harmless(person.page(EMAILS))
    require_harmless(filtered(person, reference=IMAGE))
    assert "'=cmd" in person.page(f"{EMAILS}?format=csv")


def test_an_empty_list_says_what_fills_it(web: Web, who: Caller) -> None:
    """Without any email, and when a filter hides them all."""
    person = signed_in(web)
    assert "There is no email yet." in person.page(EMAILS)
    submit(web.gateway, who, "ann@example.net")
    assert "No email passes these filters." in unescape(person.page(f"{EMAILS}?stream=other"))
