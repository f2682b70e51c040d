"""Looking through the list: which entries each filter shows, page by page, counted and as a whole."""

from datetime import timedelta

import pytest

from app.domain.errors import RestrictedApiKey
from app.domain.suppression.rules import Origin
from app.services.paging import Page
from app.services.suppression.browse import Part, Wanted
from app.store.engine.database import clock
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import caller
from tests.support.suppression.list_files import put


def fill(gateway: Gateway) -> None:
    """Put entries of several origins, scopes and ends on the list; the last one is past."""
    with gateway.database.reading() as connection:
        soon = clock(connection) + timedelta(days=1)
    for entry in (
        {"key": "ann@example.net", "origin": "bounce"},
        {"key": "bob@example.net", "origin": "complaint"},
        {"key": "anton@example.org", "scope": "shop"},
        {"key": "cleo@example.org", "scope": "shop/news", "origin": "unsubscribe"},
        {"key": "dan@example.org", "scope": "shopping/news", "expires_at": soon},
        {"key": "@example.com"},
        {"key": "gone@example.net", "origin": "bounce"},
    ):
        put(gateway, entry)
    gateway.unsuppress(ROOT, "gone@example.net", reason="They have a new mailbox.")


@pytest.mark.parametrize(
    "wanted, found",
    [
        (Wanted(), ["@example.com", "dan", "cleo", "anton", "bob", "ann"]),
        (Wanted(origin=Origin.COMPLAINT), ["bob"]),
        (Wanted(begins="AN"), ["ann", "anton"]),
        (Wanted(begins="ann@exa"), ["ann"]),
        (Wanted(begins="@"), ["@example.com"]),
        (Wanted(begins="%"), []),
        (Wanted(domain="Example.org"), ["dan", "cleo", "anton"]),
        (Wanted(domain="@example.com"), ["@example.com"]),
        (Wanted(domain="example.net", part=Part.PAST), ["gone"]),
        (Wanted(scope="*"), ["@example.com", "bob", "ann"]),
        (Wanted(scope="shop"), ["anton"]),
        (Wanted(app="shop"), ["cleo", "anton"]),
        (Wanted(part=Part.EXPIRING), ["dan"]),
        (Wanted(part=Part.REVIEW), []),
        (Wanted(part=Part.PAST), ["gone"]),
        (Wanted(part=Part.PAST, origin=Origin.COMPLAINT), []),
    ],
)
def test_each_filter_shows_its_entries(gateway: Gateway, wanted: Wanted, found: list[str]) -> None:
    """Newest first, and the count is that of the page."""
    fill(gateway)
    entries = gateway.browse.page(ROOT, wanted, Page(50)).data
    assert [one.email.partition("@")[0] or one.email for one in entries] == found
    assert gateway.browse.count(ROOT, wanted) == len(found)


def test_a_search_by_the_beginning_pages_in_the_order_of_the_addresses(gateway: Gateway) -> None:
    """There and back, also where an address has several entries: each is on one page."""
    for key in ("a2@example.net", "b@example.net", "a1@example.net", "a-3@example.net", "a.4@example.net"):
        put(gateway, {"key": key})
    put(gateway, {"key": "a1@example.net", "scope": "shop"})
    wanted = Wanted(begins="a")
    whole = gateway.browse.page(ROOT, wanted, Page(50)).data
    assert [one.email for one in whole] == sorted(one.email for one in whole)
    assert len(whole) == 5
    ids = [one.id for one in whole]
    for place in range(5):
        after = gateway.browse.page(ROOT, wanted, Page(2, after=ids[place]))
        assert [one.id for one in after.data] == ids[place + 1 : place + 3]
        assert after.has_more == (place < 2)
        before = gateway.browse.page(ROOT, wanted, Page(2, before=ids[place]))
        assert [one.id for one in before.data] == ids[max(0, place - 2) : place]


def test_all_entries_come_in_pieces_each_once(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the pages."""
    monkeypatch.setattr("app.services.suppression.browse.PIECE", 2)
    put(gateway, *({"key": f"p{number}@example.net"} for number in range(5)))
    pieces = list(gateway.browse.each(ROOT, Wanted()))
    assert [len(piece) for piece in pieces] == [2, 2, 1]
    assert [one.email[:2] for piece in pieces for one in piece] == ["p4", "p3", "p2", "p1", "p0"]


def test_more_than_a_thousand_are_not_counted(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A count of millions would read them all."""
    monkeypatch.setattr("app.services.suppression.browse.COUNTED", 3)
    put(gateway, *({"key": f"p{number}@example.net"} for number in range(3)))
    assert gateway.browse.count(ROOT, Wanted()) == 3
    put(gateway, {"key": "p3@example.net"})
    assert gateway.browse.count(ROOT, Wanted()) is None


def test_an_application_may_not_look_through_all(gateway: Gateway) -> None:
    """Its own view of the list is that of the API."""
    shop = caller(gateway, app="shop")
    with pytest.raises(RestrictedApiKey):
        gateway.browse.page(shop, Wanted(), Page(50))
    with pytest.raises(RestrictedApiKey):
        gateway.browse.count(shop, Wanted())
