"""`/console/notifications`: those that wait for a person, one as it came, and having them read again."""

import csv
import io
import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from uuid import UUID

import pytest

from app.domain.users.roles import Role
from app.services.feedback.apply import Conclude
from app.store.feedback import refused_messages
from app.store.feedback.notifications import InboxState
from app.store.feedback.refused_messages import NewRefused
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import bounced, put
from tests.support.console.people import Person, signed_in
from tests.support.gateway.rows import change, rows
from tests.support.gateway.web import NO_ID, Web, web_on

ATTACK = "<script>alert(1)</script>"
NOTIFICATIONS = "/console/notifications"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


@pytest.fixture
def operator(web: Web) -> Person:
    return signed_in(web, Role.OPERATOR, name="olga")


@pytest.fixture
def quarantined(web: Web, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A notification that made its reader fail five times."""
    put(web.gateway, json.dumps(bounced("kim@example.net", message=ATTACK)))

    def choke(*_: object, **__: object) -> None:
        raise KeyError("unforeseen")

    with monkeypatch.context() as patch:
        patch.setattr(Conclude, "__call__", choke)
        for _ in range(5):
            change(web.gateway, "notifications", {"due_at": rows(web.gateway, "notifications")[0]["received_at"]})
            web.gateway.settle.drain()
    [row] = rows(web.gateway, "notifications", state=InboxState.QUARANTINED)
    return UUID(str(row["id"]))


def park(gateway: Gateway, *messages: str) -> None:
    """Notifications about emails that are not ours."""
    put(gateway, *[json.dumps(bounced("kim@example.net", message=message)) for message in messages])
    gateway.settle.drain()


def refuse(gateway: Gateway, *bodies: str) -> None:
    """Keep these messages of a queue aside."""
    new: list[dict[str, Any]] = [{"message_id": str(number), "body": body} for number, body in enumerate(bodies)]
    more: dict[str, Any] = {"queue": "events", "reason": "forged", "detail": "The signature is wrong.", "sent_at": None}
    with gateway.database.transaction() as connection:
        refused_messages.add(connection, [NewRefused(**one, **more) for one in new])


def links(page: str) -> list[str]:
    """The notifications that a page lists."""
    return re.findall(rf'<td><a href="({NOTIFICATIONS}/[^"]+)"', page)


def test_a_quarantined_notification_is_listed_and_read(web: Web, operator: Person, quarantined: UUID) -> None:
    """With the reason; its text is shown as it came, and does nothing."""
    page = operator.page(NOTIFICATIONS)
    assert links(page) == [f"{NOTIFICATIONS}/{quarantined}"]
    assert "KeyError" in page
    page = operator.page(f"{NOTIFICATIONS}/{quarantined}")
    assert "kim@example.net" in page
    assert ATTACK not in page
    assert ATTACK in unescape(page)
    assert operator.get(f"{NOTIFICATIONS}/{NO_ID}").status_code == 404


def test_one_is_read_again_with_a_reason(web: Web, operator: Person, quarantined: UUID) -> None:
    """It leads back to its list, and the audit has it; one that is not waiting is not read again."""
    url = f"{NOTIFICATIONS}/{quarantined}/retry"
    assert 'name="which" value="quarantined"' in operator.page(f"{NOTIFICATIONS}/{quarantined}")
    answer = operator.post(url, reason="The reader was mended.", which="quarantined")
    assert "which=quarantined" in answer.headers["Location"]
    page = operator.page(answer.headers["Location"])
    assert "It is read again" in page
    assert links(page) == []
    [entry] = rows(web.gateway, "audit", action="feedback_retry")
    assert (entry["actor"], entry["reason"]) == ("user:olga", "The reader was mended.")
    assert operator.post(url, reason="Once more.", which="quarantined").status_code == 409
    assert operator.post(url).status_code == 422


def test_all_of_a_list_are_read_again(web: Web, operator: Person, quarantined: UUID) -> None:
    """Those of the other lists stay as they are."""
    park(web.gateway, "m1", "m2")
    page = operator.change(f"{NOTIFICATIONS}/retry", which="quarantined", reason="Mended.").text
    assert "All of them are read again" in page
    [entry] = rows(web.gateway, "audit", action="feedback_retry")
    assert entry["data"] == {"state": "quarantined", "count": 1}
    assert entry["reason"] == "Mended."
    assert len(links(operator.page(f"{NOTIFICATIONS}?which=parked"))) == 2
    assert str(quarantined) not in operator.page(NOTIFICATIONS)


def test_pages_lead_to_all_of_a_list(web: Web, operator: Person) -> None:
    """The longest put off first; forth and back."""
    park(web.gateway, *[f"m{number}" for number in range(60)])
    first = operator.page(f"{NOTIFICATIONS}?which=parked")
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older is not None
    second = operator.page(unescape(older[1]))
    assert len({*links(first), *links(second)}) == 60
    newer = re.search(r'rel="prev" href="([^"]+)"', second)
    assert newer is not None
    assert links(operator.page(unescape(newer[1]))) == links(first)


def test_a_refused_message_is_shown_as_forged_and_judged_again(web: Web, operator: Person) -> None:
    """What is still not authentic stays in the list."""
    refuse(web.gateway, ATTACK, "[" * 50_000)
    page = operator.page(f"{NOTIFICATIONS}?which=refused")
    found = links(page)
    assert len(found) == 2
    assert "The signature is wrong." in page
    texts = [operator.page(url) for url in found]
    assert all("not authentic" in text and ATTACK not in text for text in texts)
    assert any(ATTACK in unescape(text) for text in texts)
    page = operator.change(f"{found[0]}/retry", reason="A setting was wrong.").text
    assert "It was judged again." in page
    operator.change(f"{NOTIFICATIONS}/retry", which="refused", reason="All.")
    assert links(operator.page(f"{NOTIFICATIONS}?which=refused")) == found


@pytest.mark.parametrize("which", ["quarantined", "parked", "refused"])
def test_an_empty_list_says_what_would_fill_it(operator: Person, which: str) -> None:
    """And offers nothing to do."""
    page = operator.page(f"{NOTIFICATIONS}?which={which}")
    assert "would be listed here" in page
    assert "again</summary>" not in page


def test_lists_are_downloaded(web: Web, operator: Person, quarantined: UUID) -> None:
    """Without the texts."""
    refuse(web.gateway, "secret text")
    [header, line] = csv.reader(io.StringIO(operator.get(f"{NOTIFICATIONS}.csv").text))
    assert header == ["notification", "kind", "received", "tries", "next look", "why"]
    assert line[0] == str(quarantined)
    text = operator.get(f"{NOTIFICATIONS}.csv?which=refused").text
    assert "The signature is wrong." in text
    assert "secret text" not in text


def test_only_an_operator_sees_notifications(web: Web, quarantined: UUID) -> None:
    """They have addresses of everybody."""
    support = signed_in(web, Role.SUPPORT)
    for path in ("", ".csv", f"/{quarantined}", f"/refused/{NO_ID}"):
        assert support.get(NOTIFICATIONS + path).status_code == 403
