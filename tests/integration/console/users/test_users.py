"""The page of users: who may sign in, with what role, and how they come back."""

import csv
import io
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from app.domain.users.roles import Role
from app.web.console.frame import lists
from tests.support.console.people import Person, signed_in
from tests.support.console.sign_ins import another_browser, with_codes, with_password
from tests.support.gateway.emails import ROOT
from tests.support.gateway.rows import rows
from tests.support.gateway.web import NO_ID, Web, web_on

PAGE = "/console/users"
WHY = "Kim is on call now."


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


def last_audit(web: Web, action: str) -> tuple[str, str | None, Any]:
    """Return actor, reason and data of the last audit row of an action."""
    row = rows(web.gateway, "audit", action=action)[-1]
    return row["actor"], row["reason"], row["data"]


def of(web: Web, name: str) -> str:
    """Return the path of the page of a user."""
    return f"{PAGE}/{web.gateway.users.users.find(ROOT, name).id}"


def link_of(html: str) -> str:
    """Return the path of the link that a page shows."""
    found = re.search(r'<code id="link">http://[^/]+(/console/sign-in/link/[\w-]{43})</code>', html)
    assert found is not None, html
    return found[1]


def test_every_user_is_listed_with_what_opens_their_sign_in(web: Web) -> None:
    """By name, with role, state and the ways to sign in."""
    admin = signed_in(web)
    with_password(web, "kim@example.com")
    page = admin.page(PAGE)
    assert page.index("admin.user") < page.index("kim@example.com")
    assert "a link only" in page
    assert "password alone" in page
    assert ">you<" in page


def test_a_long_list_has_pages(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name in both directions, and the URL of a page names a user by the id."""
    monkeypatch.setattr(lists, "ROWS", 2)
    admin = signed_in(web)
    for name in ("eva@example.com", "bea@example.com", "dan@example.com", "cem@example.com"):
        web.gateway.users.users.create(ROOT, name, Role.VIEWER)
    pages = [admin.page(PAGE)]
    while forward := re.search(r'rel="next" href="([^"]+)"', pages[-1]):
        pages.append(admin.page(unescape(forward[1])))
    names = [re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', page) for page in pages]
    assert names == [["admin.user", "bea@example.com"], ["cem@example.com", "dan@example.com"], ["eva@example.com"]]
    back = re.search(r'rel="prev" href="([^"]+)"', pages[-1])
    assert back is not None
    assert re.findall(r"[\w.]+@example", admin.page(unescape(back[1]))) == ["cem@example", "dan@example"]


def test_the_list_is_a_file_too(web: Web) -> None:
    """CSV, without anything that opens a sign-in; a name that a spreadsheet takes for a formula is text."""
    admin = signed_in(web)
    web.gateway.users.users.create(ROOT, "+kim", Role.VIEWER)
    answer = admin.get(f"{PAGE}/download")
    assert answer.mimetype == "text/csv"
    kim, _ = sorted(csv.DictReader(io.StringIO(answer.text)), key=lambda row: row["name"])
    assert kim["name"] == "'+kim"
    assert (kim["role"], kim["state"], kim["password"]) == ("viewer", "enabled", "False")


def test_a_new_user_gets_a_link_that_is_shown_once(web: Web) -> None:
    """It signs them in; the audit has the reason, and neither the audit nor the list has the link."""
    admin = signed_in(web)
    answer = admin.change(PAGE, name="Kim@Example.com", role="support", reason=WHY)
    assert answer.headers["Cache-Control"] == "private, no-store"
    link = link_of(answer.text)
    assert last_audit(web, "user.created") == (
        "user:admin.user",
        WHY,
        {"user": "kim@example.com", "role": "support"},
    )
    assert link.rpartition("/")[2] not in admin.page(PAGE)
    browser = web.client.application.test_client()
    assert browser.get(link).status_code == 303
    assert "kim@example.com" in browser.get("/console").text
    assert web.client.application.test_client().get(link).status_code == 410


@pytest.mark.parametrize(
    "form, rule",
    [
        ({"name": "admin.user", "role": "viewer"}, "There is a user of this name already."),
        ({"name": "<script>", "role": "viewer"}, "The name of a user is"),
        ({"name": "kim", "role": "root"}, "role"),
        ({"name": "kim", "role": "viewer", "reason": " "}, "reason"),
    ],
)
def test_a_user_that_may_not_be_is_refused_with_the_rule(web: Web, form: dict[str, str], rule: str) -> None:
    """The value that was sent is not repeated."""
    answer = signed_in(web).post(PAGE, **{"reason": WHY, **form})
    assert answer.status_code == 422
    assert rule in unescape(answer.text)
    assert "<script>" not in answer.text.replace("<script src", "")


def test_another_role_counts_at_the_next_sign_in(web: Web) -> None:
    """The sessions of the user end, so that no page goes on with the role before."""
    admin, kim = signed_in(web), signed_in(web, Role.ADMIN, name="kim")
    done = admin.change(f"{of(web, 'kim')}/role", role="viewer", reason=WHY)
    assert "has this role now" in done.text
    assert kim.get("/console").status_code == 303
    assert last_audit(web, "user.role")[:2] == ("user:admin.user", WHY)


def test_a_disabled_user_is_signed_out_and_stays_out(web: Web) -> None:
    """Until somebody enables the user."""
    admin, kim = signed_in(web), with_password(web)
    assert "disabled" in admin.change(f"{of(web, 'kim')}/disable", reason=WHY).text
    assert kim.get("/console").status_code == 303
    assert another_browser(web)[1].status_code == 401
    assert admin.post(f"{of(web, 'kim')}/link", reason=WHY).status_code == 409
    admin.change(f"{of(web, 'kim')}/enable", reason=WHY)
    assert another_browser(web)[1].status_code == 303
    for action in ("user.disabled", "user.enabled"):
        assert last_audit(web, action) == ("user:admin.user", WHY, {"user": "kim"})


def test_a_link_brings_back_who_has_forgotten_the_password(web: Web) -> None:
    """With its use the password and the sessions end; each page asks for another password."""
    admin, kim = signed_in(web), with_password(web)
    link = link_of(admin.change(f"{of(web, 'kim')}/link", reason=WHY).text)
    assert kim.get("/console").status_code == 200
    again = Person("kim", Role.VIEWER, web.client.application.test_client())
    assert again.get(link).status_code == 303
    assert kim.get("/console").status_code == 303
    assert another_browser(web)[1].status_code == 401
    assert "You have no password yet" in again.page("/console")
    assert last_audit(web, "user.link") == ("user:admin.user", WHY, {"user": "kim"})


def test_a_lost_authenticator_is_reset_by_an_administrator(web: Web) -> None:
    """The button is there only for a user with codes."""
    admin = signed_in(web)
    with_password(web, "ann")
    assert "Reset the authenticator" not in admin.page(of(web, "ann"))
    with_codes(web)
    assert "Reset the authenticator" in admin.page(of(web, "kim"))
    assert another_browser(web)[1].status_code == 401
    assert "needs no code any more" in admin.change(f"{of(web, 'kim')}/authenticator", reason=WHY).text
    assert another_browser(web)[1].status_code == 303
    assert last_audit(web, "user.totp_reset") == ("user:admin.user", WHY, {"user": "kim"})


@pytest.mark.parametrize("change, more", [("role", {"role": "viewer"}), ("disable", {})])
def test_the_last_administrator_stays_one(web: Web, change: str, more: dict[str, str]) -> None:
    """So that somebody can always let others in."""
    admin = signed_in(web)
    answer = admin.post(f"{of(web, 'admin.user')}/{change}", reason=WHY, **more)
    assert answer.status_code == 409
    assert "last administrator" in answer.text
    assert admin.page(PAGE)


@pytest.mark.parametrize("path", ["", "/role", "/disable", "/enable", "/link", "/authenticator"])
def test_an_unknown_user_is_not_found(web: Web, path: str) -> None:
    """Neither the page nor a change."""
    admin, url = signed_in(web), f"{PAGE}/{NO_ID}{path}"
    answer = admin.post(url, reason=WHY, **({"role": "viewer"} if path == "/role" else {})) if path else admin.get(url)
    assert answer.status_code == 404
    assert "There is no such user" in answer.text


def test_no_url_of_the_page_has_a_name(web: Web) -> None:
    """A name may be an address, and URLs are in histories and logs."""
    signed_in(web, Role.VIEWER, name="kim@example.com")
    admin = signed_in(web)
    for page in (admin.page(PAGE), admin.page(of(web, "kim@example.com"))):
        assert not any("kim" in url for url in re.findall(r'(?:href|action)="([^"]+)"', page))
