"""An unsubscription beneath another entry: it is kept, and takes effect when that entry is unsuppressed."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.domain.suppression.rules import Change, Origin
from app.services.suppression.explanation.explain import Ask
from app.store.engine.database import clock
from app.store.suppression import suppressions
from app.store.suppression.suppressions import NewSuppression
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, state_of, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import count
from tests.support.gateway.unsubscribe import BACK, BASE, KIM, ONE_CLICK, live, mailed, path_of
from tests.support.gateway.web import Web, body_of, web_on
from tests.support.suppression.list_files import csv_of
from tests.support.suppression.list_files import take as taken_in

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
def test_unsuppressing_the_covering_entry_leaves_the_unsubscription(web: Web, origin: Origin, is_first: bool) -> None:
    """In either order. Explain says so before, the answer after; no email is sent until it is unsuppressed too."""
    mailed(web)
    path, headers = path_of(web), web.key()
    if is_first:
        put(web.gateway, origin)
    for _ in range(2):
        web.client.post(path, data=ONE_CLICK)
    put(web.gateway, origin)
    assert live(web) == [(STREAM, origin)]
    [finding] = web.gateway.explain(ROOT, KIM, Ask()).layers[0].findings
    assert "unsubscribed" in finding.says
    lift = {"path": f"/v1/suppressions/{KIM}", "json": {"reason": "Enough.", "force": True}, "headers": headers}
    removed = body_of(web.client.delete(**lift))
    assert live(web) == [(STREAM, Origin.UNSUBSCRIBE)]
    [entry] = web.gateway.suppress.find(ROOT, KIM).entries
    assert removed["uncovered"] == str(entry.id)
    assert str(entry.source["actor"]).startswith("person:")
    assert state_of(web.gateway, submit(web.gateway, caller(web.gateway), KIM, stream="news")) == "suppressed"
    assert body_of(web.client.delete(**lift))["uncovered"] is None
    assert live(web) == []


def test_a_recipient_who_resubscribes_meanwhile_gets_email(web: Web) -> None:
    """The page shows the person's own state, not the decisions of others. The covering entry then ends normally."""
    mailed(web)
    path = path_of(web)
    put(web.gateway, Origin.MANUAL)
    assert "resubscribe" not in web.client.get(path).text
    web.client.post(path, data=ONE_CLICK)
    assert "resubscribe" in web.client.get(path).text
    web.client.post(path, data=BACK)
    assert "resubscribe" not in web.client.get(path).text
    assert live(web) == [(STREAM, Origin.MANUAL)]
    assert web.gateway.unsuppress(ROOT, KIM, reason="Enough.", wait_for_ses=False).uncovered == ()
    assert live(web) == []


def test_an_unsubscription_outlasts_a_pause(web: Web) -> None:
    """It replaces an entry that expires by itself at once; otherwise the wish would be lost at that moment."""
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
def test_an_import_keeps_covered_unsubscriptions(web: Web, files: tuple[tuple[str, ...], ...]) -> None:
    """Two lists of a vendor, in either order, or one; and once, however often they are imported."""
    for origins in [*files, files[-1]]:
        taken_in(web.gateway, csv_of(("email", "origin"), *((KIM, origin) for origin in origins)))
    assert live(web) == [("*", Origin.BOUNCE)]
    assert count(web.gateway, "suppression_events", type=Change.COVERED) <= 1
    web.gateway.unsuppress(ROOT, KIM, reason="A new mailbox.", wait_for_ses=False)
    assert live(web) == [("*", Origin.UNSUBSCRIBE)]
