"""The recipient's own word where another entry has the place: it stays beneath, and stands when that is lifted."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.domain.suppression import Change, Origin
from app.services.explain import Ask
from app.store import suppressions
from app.store.db import clock
from app.store.suppressions import NewSuppression
from app.wiring import Gateway
from tests.gateways import caller
from tests.lists import csv_of
from tests.lists import take as taken_in
from tests.mails import ROOT, state_of, submit
from tests.rows import count
from tests.unsubscribing import BACK, BASE, KIM, ONE_CLICK, live, mailed, path_of
from tests.web import Web, body_of, web_on

STREAM = "invites/news"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, public_url=BASE) as web:
        yield web


def put(gateway: Gateway, origin: Origin, *, lasts: timedelta | None = None) -> None:
    with gateway.database.transaction() as connection:
        ends = clock(connection) + lasts if lasts else None
        new = NewSuppression(
            key=KIM, scope=STREAM, address=KIM, origin=origin, reason="x", actor="test", expires_at=ends
        )
        suppressions.put(connection, new)


@pytest.mark.parametrize("origin", [Origin.MANUAL, Origin.COMPLAINT])
@pytest.mark.parametrize("is_first", [True, False])
def test_lifting_what_covers_an_unsubscription_lets_it_stand(web: Web, origin: Origin, is_first: bool) -> None:
    """Whichever came first. Explain tells it before, the answer after, and no mail goes out until it is lifted too."""
    mailed(web)
    path, headers = path_of(web), web.key()
    if is_first:
        put(web.gateway, origin)
    for _ in range(2):
        web.client.post(path, data=ONE_CLICK)
    put(web.gateway, origin)
    assert live(web) == [(STREAM, origin)]
    [told] = web.gateway.explain(ROOT, KIM, Ask()).layers[0].findings
    assert "unsubscribed" in told.says
    lift = {"path": f"/v1/suppressions/{KIM}", "json": {"reason": "Enough.", "force": True}, "headers": headers}
    removed = body_of(web.client.delete(**lift))
    assert live(web) == [(STREAM, Origin.UNSUBSCRIBE)]
    [entry] = web.gateway.suppress.find(ROOT, KIM).entries
    assert removed["uncovered"] == str(entry.id)
    assert str(entry.source["actor"]).startswith("person:")
    assert state_of(web.gateway, submit(web.gateway, caller(web.gateway), KIM, stream="news")) == "suppressed"
    assert body_of(web.client.delete(**lift))["uncovered"] is None
    assert live(web) == []


def test_who_takes_it_back_meanwhile_is_written_to(web: Web) -> None:
    """The page tells the person's own state, not what others decided; lifted is lifted then."""
    mailed(web)
    path = path_of(web)
    put(web.gateway, Origin.MANUAL)
    assert "resubscribe" not in web.client.get(path).text
    web.client.post(path, data=ONE_CLICK)
    assert "resubscribe" in web.client.get(path).text
    web.client.post(path, data=BACK)
    assert "resubscribe" not in web.client.get(path).text
    assert live(web) == [(STREAM, Origin.MANUAL)]
    assert web.gateway.suppress.remove(ROOT, KIM, reason="Enough.", wait_for_ses=False).uncovered == ()
    assert live(web) == []


def test_an_unsubscription_outlasts_a_pause(web: Web) -> None:
    """An entry that ends by itself gives way at once: when it was over, nobody would know of the person's word."""
    mailed(web)
    put(web.gateway, Origin.MANUAL, lasts=timedelta(days=7))
    web.client.post(path_of(web), data=ONE_CLICK)
    assert live(web) == [(STREAM, Origin.UNSUBSCRIBE)]


@pytest.mark.parametrize(
    "files",
    [
        (("bounce", "unsubscribe"),),
        (("unsubscribe", "bounce"),),
        (("bounce",), ("unsubscribe",)),
        (("unsubscribe",), ("bounce",)),
    ],
)
def test_an_import_covers_as_well(web: Web, files: tuple[tuple[str, ...], ...]) -> None:
    """Two lists of a vendor, in whatever order, or one; and once, however often they are imported."""
    for origins in [*files, files[-1]]:
        taken_in(web.gateway, csv_of(("email", "origin"), *((KIM, origin) for origin in origins)))
    assert live(web) == [("*", Origin.BOUNCE)]
    assert count(web.gateway, "suppression_events", type=Change.COVERED) <= 1
    web.gateway.suppress.remove(ROOT, KIM, reason="A new mailbox.", wait_for_ses=False)
    assert live(web) == [("*", Origin.UNSUBSCRIBE)]
