"""Attacks on the sign-in, by its pages."""

from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from app.domain.users.roles import Role
from tests.support.console.people import signed_in
from tests.support.console.sign_ins import PASSWORD, another_browser, with_password
from tests.support.gateway.emails import ROOT
from tests.support.gateway.web import Web, web_on

PAGE = "/console/sign-in"
WRONG = "not the password at all"
OTHER_PLACES = [
    "https://evil.example/",
    "//evil.example/console",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/console//evil.example",
    "/console/../v1/emails",
    "/console\r\nSet-Cookie: x=y",
    "/consolation",
    "/console.evil.example",
    "/console@evil.example",
    "https:/console",
    "javascript:alert(1)",
    "data:text/html,hello",
    " /console",
    "console",
    "/",
    "/metrics",
]


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


def without_request_id(answer: TestResponse) -> list[tuple[str, str]]:
    """The headers of an answer, but for the id of the request."""
    return sorted(pair for pair in answer.headers if pair[0] != "X-Request-Id")


def test_a_session_from_before_the_sign_in_is_not_kept(web: Web) -> None:
    """A token that an attacker has set in the browser is never one of the person's session."""
    with_password(web)
    planted = "A" * 43
    client = web.client.application.test_client()
    client.set_cookie("postern_session", planted)
    client.post(PAGE, data={"name": "kim", "password": PASSWORD})
    cookie = client.get_cookie("postern_session")
    assert cookie is not None
    assert cookie.value != planted
    assert web.gateway.users.sessions.behind(planted) is None


def test_the_session_that_the_browser_had_ends_with_the_next(web: Web) -> None:
    """A browser has one session: the one before would go on unseen otherwise."""
    with_password(web)
    attacker = signed_in(web, Role.VIEWER, name="mallory")
    before = attacker.client.get_cookie("postern_session")
    assert before is not None
    attacker.client.post(PAGE, data={"name": "kim", "password": PASSWORD})
    assert web.gateway.users.sessions.behind(before.value) is None
    assert "kim" in attacker.page("/console/own-account")


@pytest.mark.parametrize("place", OTHER_PLACES)
def test_the_sign_in_leads_to_no_other_place(web: Web, place: str) -> None:
    """Whatever `next` is, a person ends up on a page of the console."""
    with_password(web)
    _, answer = another_browser(web, next=place)
    assert answer.headers["Location"] == "/console"


@pytest.mark.parametrize("place", ["/console", "/console/emails?state=held", "/console?done=x"])
def test_the_sign_in_leads_back_to_the_page_that_was_wanted(web: Web, place: str) -> None:
    """Also with its filters."""
    with_password(web)
    assert another_browser(web, next=place)[1].headers["Location"] == place


def test_a_refusal_does_not_show_whether_the_user_exists(web: Web) -> None:
    """The page and the headers for an unknown name are those for a wrong password, a missing one, a disabled user."""
    with_password(web, "kim")
    with_password(web, "ann")
    web.gateway.users.users.disable(ROOT, "ann", "A test.")
    web.gateway.users.users.create(ROOT, "new", Role.VIEWER)
    answers = [another_browser(web, name, password=WRONG)[1] for name in ("kim", "ann", "new", "bob")]
    answers.append(another_browser(web, "ann", password=PASSWORD)[1])
    assert {answer.status_code for answer in answers} == {401}
    bodies = {_without_name(answer.text) for answer in answers}
    assert len(bodies) == 1
    assert len({tuple(without_request_id(answer)) for answer in answers}) == 1


def _without_name(html: str) -> str:
    for name in ("kim", "ann", "new", "bob"):
        html = html.replace(f'spellcheck="false" value="{name}"', "")
    return html


@pytest.mark.parametrize("name", ["kim", "bob"])
def test_a_name_is_locked_after_five_failures(web: Web, name: str) -> None:
    """Known or not; then the right password does not help, and the page says for how long."""
    with_password(web)
    statuses = [another_browser(web, name, password=WRONG)[1].status_code for _ in range(5)]
    assert statuses == [401] * 5
    _, locked = another_browser(web, name)
    assert locked.status_code == 429
    assert 0 < int(locked.headers["Retry-After"]) <= 61
    assert "Too many attempts failed" in locked.text
    assert locked.headers.get("Set-Cookie") is None


def test_one_locked_name_keeps_nobody_else_out(web: Web) -> None:
    """The lock is of the name, and not of the network."""
    with_password(web)
    for _ in range(6):
        another_browser(web, "bob", password=WRONG)
    assert another_browser(web)[1].status_code == 303


def test_a_one_time_link_works_once(web: Web) -> None:
    """The second use says so, begins no session, and leaves that of the first alone."""
    _, token = web.gateway.users.users.create(ROOT, "kim", Role.VIEWER)
    first, second = (web.client.application.test_client() for _ in range(2))
    assert first.get(f"{PAGE}/link/{token}").status_code == 303
    again = second.get(f"{PAGE}/link/{token}")
    assert again.status_code == 410
    assert "was used already" in again.text
    assert again.headers.get("Set-Cookie") is None
    assert first.get("/console").status_code == 200


def test_a_preview_of_a_link_does_not_use_it_up(web: Web) -> None:
    """Programs that show a preview of a message, and scanners of email, ask for the head of each link."""
    _, token = web.gateway.users.users.create(ROOT, "kim", Role.VIEWER)
    head = web.client.head(f"{PAGE}/link/{token}")
    assert head.headers.get("Set-Cookie") is None
    assert web.client.get(f"{PAGE}/link/{token}").status_code == 303


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "..%2f..", "<script>alert(1)</script>", "é" * 43])
def test_what_is_no_link_begins_no_session(web: Web, token: str) -> None:
    """And is not repeated on the page."""
    answer = web.client.get(f"{PAGE}/link/{token}")
    assert answer.status_code in {404, 410, 303}
    assert answer.headers.get("Set-Cookie") is None
    assert f"link/{token}" not in answer.text
    assert "<script>alert" not in answer.text


def test_another_site_cannot_sign_a_person_in(web: Web) -> None:
    """As an attacker, so that what the person then does would be the attacker's to see."""
    with_password(web)
    data = {"name": "kim", "password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = web.client.post(PAGE, data=data, headers=headers)
        assert (answer.status_code, answer.headers.get("Set-Cookie")) == (403, None)


def test_what_was_typed_is_shown_again_as_text_but_for_secrets(web: Web) -> None:
    """A name is repeated and escaped, a password and a code never."""
    data = {"name": '"><script>alert(1)</script>', "password": WRONG, "code": "135790"}
    answer = web.client.post(PAGE, data=data)
    assert answer.status_code == 401
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert WRONG not in answer.text
    assert "135790" not in answer.text


def test_signing_out_ends_the_session_itself(web: Web) -> None:
    """A copy of the cookie is worth nothing then."""
    person = signed_in(web, Role.VIEWER)
    cookie = person.client.get_cookie("postern_session")
    assert cookie is not None
    assert person.post("/console/sign-out").headers["Location"] == PAGE
    thief = web.client.application.test_client()
    thief.set_cookie("postern_session", cookie.value)
    assert thief.get("/console").status_code == 303


def test_the_way_back_is_kept_as_it_is(web: Web) -> None:
    """Also where it has an @: without a session texts are masked, and this is none."""
    wanted = "/console/suppressions?domain=@example.org"
    page = web.client.get(web.client.get(wanted).headers["Location"]).text
    assert f'name="next" value="{wanted}"' in page
