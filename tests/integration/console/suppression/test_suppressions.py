"""The list of suppressions: what it shows, filters and gives as a file, and what it keeps from viewers."""

import re
from collections.abc import Iterator
from html import unescape

import pytest

from app.domain.users.roles import Role
from tests.support.console.people import Person, signed_in
from tests.support.gateway.emails import ROOT
from tests.support.gateway.web import Web, web_on
from tests.support.suppression.list_files import put

ATTACK = "<script>alert(1)</script>"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


def filtered(person: Person, **fields: str) -> str:
    """Send the form of the list, and return the page that it leads to."""
    return unescape(person.change("/console/suppressions", **fields).text)


def test_the_list_shows_each_entry_with_its_reason(web: Web) -> None:
    """The newest first, each with a link to the page that explains it."""
    put(web.gateway, {"key": "ann@example.net", "origin": "bounce", "reason": "The mailbox is gone."})
    put(web.gateway, {"key": "bob@example.net", "origin": "unsubscribe", "scope": "shop/news"})
    page = signed_in(web, Role.SUPPORT).page("/console/suppressions")
    assert page.index("bob@example.net") < page.index("ann@example.net")
    for text in ("The mailbox is gone.", "Bounced", "Unsubscribed", "shop/news", "every email", "2 entries"):
        assert text in page
    assert "/console/addresses/" in page


@pytest.mark.parametrize(
    "fields, shown, hidden",
    [
        ({"origin": "complaint"}, "bob@", "ann@"),
        ({"begins": "ANN"}, "ann@", "bob@"),
        ({"begins": "ann@exam"}, "ann@", "bob@"),
        ({"domain": "example.com"}, "dan@", "ann@"),
        ({"scope": "shop/news"}, "cleo@", "ann@"),
        ({"app": "shop"}, "cleo@", "ann@"),
        ({"part": "past"}, "gone@", "ann@"),
        ({"part": "live", "begins": ""}, "ann@", "gone@"),
    ],
)
def test_a_filter_stays_chosen_and_its_url_has_no_address(
    web: Web, fields: dict[str, str], shown: str, hidden: str
) -> None:
    """The form leads to a list of what passes, which a person can bookmark."""
    put(web.gateway, {"key": "ann@example.net", "origin": "bounce"})
    put(web.gateway, {"key": "bob@example.net", "origin": "complaint"})
    put(web.gateway, {"key": "cleo@example.net", "scope": "shop/news"})
    put(web.gateway, {"key": "dan@example.com"})
    put(web.gateway, {"key": "gone@example.net"})
    web.gateway.unsuppress(ROOT, "gone@example.net", reason="They have a new mailbox.")
    person = signed_in(web, Role.SUPPORT)
    url = person.post("/console/suppressions", **fields).headers["Location"]
    assert "ann" not in url.lower()
    assert not {"@", "%40"} & set(url)
    page = filtered(person, **fields)
    assert shown in page
    assert hidden not in page
    for value in filter(None, fields.values()):
        assert f'value="{value}"' in page or f"selected>{value}<" in page


@pytest.mark.parametrize("domain", ["not a domain", "ann@example.net", "@", "x" * 256])
def test_a_domain_that_is_none_is_refused(web: Web, domain: str) -> None:
    """The page names the field; an address would stand in the URL."""
    answer = signed_in(web).post("/console/suppressions", domain=domain)
    if answer.status_code == 303:
        answer = signed_in(web, name="kim").get(answer.headers["Location"])
    assert answer.status_code == 422
    assert "<strong>domain</strong>" in answer.text


def test_the_beginning_of_an_address_is_bounded(web: Web) -> None:
    """So that a token of it fits into a URL, whatever its letters are."""
    person = signed_in(web)
    assert "Nothing passes these filters." in filtered(person, begins="\N{SNOWMAN}" * 160)
    assert person.post("/console/suppressions", begins="x" * 161).status_code == 422


def test_a_page_leads_to_the_next_one_with_the_same_filter(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """And back: each entry is on one page."""
    monkeypatch.setattr("app.web.console.frame.lists.ROWS", 2)
    put(web.gateway, *({"key": f"p{number}@example.net", "origin": "bounce"} for number in range(3)))
    person = signed_in(web, Role.SUPPORT)
    first = unescape(person.page("/console/suppressions?origin=bounce"))
    assert "p2@" in first
    assert "p0@" not in first
    older = first.split('rel="next" href="')[1].split('"')[0]
    assert "origin=bounce" in older
    second = unescape(person.page(older))
    assert "p0@" in second
    assert "p2@" not in second


def test_the_file_has_all_that_the_filter_shows(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only one page, and no cell that a spreadsheet takes for a formula."""
    monkeypatch.setattr("app.services.suppression.browse.PIECE", 2)
    put(web.gateway, *({"key": f"p{number}@example.net", "reason": "=1+1"} for number in range(3)))
    put(web.gateway, {"key": "ann@example.net", "origin": "bounce"})
    answer = signed_in(web, Role.SUPPORT).get("/console/suppressions.csv?origin=manual")
    assert answer.mimetype == "text/csv"
    lines = answer.text.splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == [f"p{number}@example.net" for number in (2, 1, 0)]
    assert "'=1+1" in lines[1]


def test_a_viewer_sees_no_address_and_cannot_search_for_its_letters(web: Web) -> None:
    """On the page and in the file; a search by the beginning would find an address out letter by letter."""
    put(web.gateway, {"key": "ann@example.net", "reason": "smtp; 550 ann@example.net is unknown"})
    viewer, support = signed_in(web, Role.VIEWER), signed_in(web, Role.SUPPORT)
    for path in ("/console/suppressions", "/console/suppressions.csv"):
        text = unescape(viewer.get(path).text)
        assert "a•••@example.net" in text
        assert "ann@" not in text
    assert 'name="begins"' not in viewer.page("/console/suppressions")
    url = support.post("/console/suppressions", begins="ann").headers["Location"]
    assert viewer.get(url).status_code == 403
    assert viewer.get(url.replace("suppressions?", "suppressions.csv?")).status_code == 403


def test_what_an_attacker_stored_is_text(web: Web) -> None:
    """The reason of an entry may come from a mail server, the name of a scope from an application."""
    put(web.gateway, {"key": "ann@example.net", "reason": ATTACK, "scope": f"shop/{ATTACK}"})
    page = signed_in(web).page("/console/suppressions")
    assert ATTACK not in page
    assert "&lt;script&gt;" in page


def test_an_empty_list_says_what_would_fill_it(web: Web) -> None:
    """Each part of the list, and a filter that nothing passes."""
    person = signed_in(web)
    said = {person.page(f"/console/suppressions?part={part}") for part in ("live", "review", "expiring", "past")}
    assert len({page.split('class="empty">')[1].split("<")[0] for page in said}) == 4
    assert "Nothing passes these filters." in person.page("/console/suppressions?origin=bounce")


def test_a_token_of_another_gateway_is_refused(web: Web) -> None:
    """The page says what to do."""
    answer = signed_in(web).get("/console/suppressions?begins=nonsense")
    assert answer.status_code == 404
    assert "Search again." in answer.text


def test_a_forgotten_person_is_listed_without_a_name(web: Web) -> None:
    """Under a pseudonym there is no address to explain."""
    put(web.gateway, {"key": "#f2ca1bb6c7e907d06dafe4", "origin": "erasure"})
    page = signed_in(web).page("/console/suppressions")
    assert "A forgotten person" in page
    assert "#f2ca" not in page


def test_a_file_of_a_domain_that_cannot_be_is_refused_before_it_begins(web: Web) -> None:
    """With a page that names the rule, not with a file that ends in its middle."""
    answer = signed_in(web).get("/console/suppressions.csv?domain=exa%20mple")
    assert (answer.status_code, answer.mimetype) == (422, "text/html")


def test_a_viewer_gets_from_a_domain_to_its_addresses(web: Web) -> None:
    """No mask stands in the link."""
    viewer = signed_in(web, Role.VIEWER)
    page = viewer.change("/console/find", text="example.net").text
    [link] = re.findall(r'href="(/console/suppressions\?domain=[^"]+)"', page)
    assert link.endswith("domain=example.net")
    assert 'value="example.net"' in viewer.page(link)
