"""The page of an address: why it gets no email, and each change that a person may make about it."""

import threading
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from app.domain.users.roles import Role
from app.queue import Lane
from app.store.operating import incidents
from app.web.http.context import current_in_progress
from tests.support.console.people import Person, signed_in
from tests.support.gateway.emails import ROOT, bounce, feed, submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import rows
from tests.support.gateway.web import Web, web_on
from tests.support.suppression.list_files import put

KIM, DOMAIN = "kim@example.net", "@example.net"
ATTACK = "<script>alert(1)</script>"
WHY = "Ticket 4711."


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


def path_of(web: Web, target: str = KIM) -> str:
    return f"/console/addresses/{web.gateway.address_tokens.write(target)}"


def page_of(web: Web, person: Person, target: str = KIM) -> str:
    return unescape(person.page(path_of(web, target)))


def live(web: Web) -> list[tuple[str, str, str]]:
    found = rows(web.gateway, "suppressions", removed_at=None)
    return sorted((row["key"], row["scope"], row["origin"]) for row in found)


def noted(web: Web, action: str) -> list[tuple[str, str]]:
    """Return the actor and the reason of each audit row of this action."""
    return [(row["actor"], row["reason"]) for row in rows(web.gateway, "audit", action=action)]


def test_an_address_that_nothing_is_known_of_gets_email(web: Web) -> None:
    """The page says so, and says what each layer found."""
    page = page_of(web, signed_in(web))
    for text in ("An email would be sent.", "The address is not on the list.", "It was never on the list."):
        assert text in page


def test_the_page_of_a_bounce_explains_it(web: Web) -> None:
    """The reply of the server, the email behind it, its entry, its events and its history."""
    email = submit(web.gateway, caller(web.gateway), KIM)
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(web.gateway, bounce(web.gateway, email))
    page = page_of(web, signed_in(web, Role.SUPPORT))
    assert "No email is sent: bounce, for every email." in page
    assert "The server said:" in page
    assert f"/console/emails/{email}" in page
    assert "Last events" in page
    assert "suppressed" in page.split("<h2>History</h2>")[1]


def test_a_person_suppresses_an_address(web: Web) -> None:
    """In a scope, for a reason, until the end of a day; the audit keeps the reason and the person's name."""
    person = signed_in(web, Role.SUPPORT, name="sam")
    page = unescape(person.change(f"{path_of(web)}/suppress", scope="shop/news", reason=WHY, until="2099-01-31").text)
    assert "It is suppressed" in page
    [entry] = rows(web.gateway, "suppressions")
    assert (entry["key"], entry["scope"], entry["origin"], entry["reason"]) == (KIM, "shop/news", "manual", WHY)
    assert entry["expires_at"].isoformat() == "2099-02-01T00:00:00+00:00"
    assert noted(web, "suppress") == [("user:sam", WHY)]


def test_a_person_unsuppresses_one_scope_and_undoes_it(web: Web) -> None:
    """The other entry stays. Both changes are in the audit."""
    put(web.gateway, {"key": KIM, "origin": "bounce"})
    put(web.gateway, {"key": KIM, "scope": "shop/news", "origin": "unsubscribe"})
    person = signed_in(web, Role.SUPPORT, name="sam")
    assert "Undo the last removal" not in page_of(web, person)
    page = unescape(person.change(f"{path_of(web)}/unsuppress", scope="*", reason=WHY).text)
    assert "It is unsuppressed." in page
    assert live(web) == [(KIM, "shop/news", "unsubscribe")]
    assert "Undo the last removal" in page
    person.change(f"{path_of(web)}/undo", reason="A slip.")
    assert live(web) == [(KIM, "*", "bounce"), (KIM, "shop/news", "unsubscribe")]
    assert noted(web, "unsuppress") == [("user:sam", WHY)]
    assert noted(web, "undo_unsuppress") == [("user:sam", "A slip.")]


def test_a_complaint_is_unsuppressed_only_by_a_person_who_says_why_it_is_right(web: Web) -> None:
    """The page explains it, and asks for a check mark; without it nothing changes."""
    put(web.gateway, {"key": KIM, "origin": "complaint"})
    person = signed_in(web, Role.SUPPORT)
    assert "The recipient reported an email as spam" in page_of(web, person)
    refused = person.post(f"{path_of(web)}/unsuppress", scope="*", reason=WHY)
    assert refused.status_code == 422
    assert len(live(web)) == 1
    person.change(f"{path_of(web)}/unsuppress", scope="*", reason=WHY, force="true")
    assert live(web) == []


def test_a_bounce_asks_for_no_check_mark(web: Web) -> None:
    """Only what the recipient themselves wanted does."""
    put(web.gateway, {"key": KIM, "origin": "bounce"})
    assert 'name="force"' not in page_of(web, signed_in(web))


@pytest.mark.parametrize("change", ["suppress", "unsuppress", "undo", "forget"])
def test_no_change_works_without_a_reason(web: Web, change: str) -> None:
    """It is asked for, and nothing is done."""
    put(web.gateway, {"key": KIM})
    fields = {"scope": "*"} if "suppress" in change else {"address": KIM} if change == "forget" else {}
    refused = signed_in(web).post(f"{path_of(web)}/{change}", **fields, reason="  ")
    assert refused.status_code == 422
    assert "reason" in refused.text
    assert live(web) == [(KIM, "*", "manual")]


def test_a_whole_domain_is_changed_by_operators_alone(web: Web) -> None:
    """It stops every address of the domain. The page of an address never changes the entry of its domain."""
    support, operator = signed_in(web, Role.SUPPORT), signed_in(web, Role.OPERATOR)
    path = path_of(web, DOMAIN)
    for change in ("suppress", "unsuppress", "undo"):
        scope = {} if change == "undo" else {"scope": "*"}
        refused = support.post(f"{path}/{change}", reason=WHY, **scope)
        assert (refused.status_code, "A whole domain needs the role operator" in refused.text) == (403, True)
    assert "Unsuppress</summary>" not in page_of(web, support, DOMAIN)
    operator.change(f"{path}/suppress", scope="*", reason=WHY)
    assert live(web) == [(DOMAIN, "*", "manual")]
    page = page_of(web, support)
    assert "Its whole domain is on the list" in page
    assert path in page
    assert "Unsuppress</summary>" not in page
    assert support.post(f"{path_of(web)}/unsuppress", scope="*", reason=WHY).status_code == 404
    assert "No address of this domain gets email" in page_of(web, operator, DOMAIN)
    operator.change(f"{path}/unsuppress", scope="*", reason=WHY)
    assert live(web) == []


def test_an_admin_forgets_a_person_who_typed_the_address(web: Web) -> None:
    """Not another one. Afterwards no page names them, and with the check mark they get no email."""
    submit(web.gateway, caller(web.gateway), KIM)
    admin = signed_in(web, Role.ADMIN, name="ada")
    other = admin.post(f"{path_of(web)}/forget", address="ann@example.net", reason=WHY)
    assert other.status_code == 422
    assert len(rows(web.gateway, "recipients", key=KIM)) == 1
    done = admin.change(f"{path_of(web)}/forget", address=KIM.upper(), reason=WHY, suppress="true")
    assert "The person is forgotten" in done.text
    assert rows(web.gateway, "recipients", key=KIM) == []
    assert [(key[0], scope, origin) for key, scope, origin in live(web)] == [("#", "*", "erasure")]
    assert noted(web, "forget") == [("user:ada", WHY)]
    page = page_of(web, admin)
    assert "asked to be forgotten" in page
    admin.change(f"{path_of(web)}/unsuppress", scope="*", reason=WHY, force="true")
    assert live(web) == []


def test_a_person_is_forgotten_though_the_browser_leaves(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the texts are searched, which is shown."""
    monkeypatch.setattr("app.web.console.suppression.address._SHOW_EVERY_S", -1)
    submit(web.gateway, caller(web.gateway), KIM)
    with web.gateway.database.transaction() as connection:
        incidents.note(connection, kind="refused_for_policy", subject="example.net", detail=f"No {KIM} here.")
    admin = signed_in(web, Role.ADMIN)
    fields = {"form_secret": admin.secret(), "address": KIM, "reason": WHY}
    answer = admin.client.post(f"{path_of(web)}/forget", data=fields, buffered=False)
    read = iter(answer.response)
    assert b"What belongs to the person is erased already" in next(read)
    assert b"<li>looking through" in next(read)
    assert KIM in rows(web.gateway, "incidents")[0]["detail"]
    answer.close()
    assert KIM not in rows(web.gateway, "incidents")[0]["detail"]


def test_one_person_is_forgotten_at_a_time(web: Web) -> None:
    """In one process: a search takes a thread for minutes."""
    admin = signed_in(web, Role.ADMIN)
    with web.client.application.app_context():
        other = threading.Thread(target=current_in_progress().enter, args=("forget",))
    other.start()
    other.join()
    answer = admin.post(f"{path_of(web)}/forget", address=KIM, reason=WHY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert noted(web, "forget") == []


def test_a_viewer_sees_no_address(web: Web) -> None:
    """Whatever the page repeats: the reply of a server, a reason, a command, a change by a person."""
    put(web.gateway, {"key": KIM, "origin": "bounce", "reason": f"smtp; 550 {KIM} is unknown"})
    web.gateway.unsuppress(ROOT, KIM, reason=f"{KIM} wrote to us.")
    email = submit(web.gateway, caller(web.gateway), KIM)
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(web.gateway, bounce(web.gateway, email))
    page = page_of(web, signed_in(web, Role.VIEWER))
    assert "k•••@example.net" in page
    assert "kim" not in page.lower()
    for button in ("Suppress</summary>", "Unsuppress</summary>", "Undo", "Forget"):
        assert button not in page


def test_what_an_attacker_stored_is_text(web: Web) -> None:
    """In the reason of an entry, and in the reason of a change."""
    put(web.gateway, {"key": KIM, "origin": "bounce", "reason": ATTACK, "scope": "shop/news"})
    person = signed_in(web)
    page = person.change(f"{path_of(web)}/suppress", scope="*", reason=ATTACK).text
    assert ATTACK not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("token", ["nonsense", "A" * 1_001])
def test_a_token_of_another_gateway_leads_nowhere(web: Web, token: str) -> None:
    """The page says what to do, and a change is refused in the same way."""
    person = signed_in(web)
    fields: dict[str, Any] = {"scope": "*", "reason": WHY}
    for answer in (
        person.get(f"/console/addresses/{token}"),
        person.post(f"/console/addresses/{token}/suppress", **fields),
    ):
        assert answer.status_code == 404
        assert "Search for the address again." in answer.text


def test_the_page_explains_the_emails_of_one_stream(web: Web) -> None:
    """An unsubscription of another stream does not count there."""
    put(web.gateway, {"key": KIM, "scope": "shop/news", "origin": "unsubscribe"})
    caller(web.gateway, app="shop")
    person, path = signed_in(web), path_of(web)
    assert "An email would be sent, but not in shop/news." in person.page(path)
    assert "No email is sent: unsubscribe, for shop/news." in person.page(f"{path}?app=shop&stream=news")
    assert "An email would be sent." in person.page(f"{path}?app=shop&stream=orders")
