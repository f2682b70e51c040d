"""The page of a person's own sign-in: password, authenticator, sessions."""

import re
from collections.abc import Iterator
from html import unescape

import pytest

from app.domain.users.roles import Role
from tests.support.console.people import signed_in
from tests.support.console.sign_ins import OWN_ACCOUNT as PAGE
from tests.support.console.sign_ins import PASSWORD, another_browser, code_of, secret_of, with_codes, with_password
from tests.support.gateway.emails import ROOT
from tests.support.gateway.rows import rows
from tests.support.gateway.web import Web, web_on

ANOTHER = "another long password"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as made:
        yield made


def test_a_person_without_a_password_is_asked_on_every_page(web: Web) -> None:
    """Until they have chosen one."""
    person = signed_in(web, Role.VIEWER)
    for path in ("/console", "/console/emails", "/console/suppressions"):
        assert "You have no password yet" in person.page(path)
    assert "You have none yet" in person.page(PAGE)
    done = person.change(f"{PAGE}/password", new=PASSWORD, again=PASSWORD)
    assert "Your password is set" in done.text
    assert "You have none yet" not in done.text
    assert "You have no password yet" not in person.page("/console")


def test_a_password_is_changed_by_those_who_know_the_current_one(web: Web) -> None:
    """It works at the next sign-in, the one before does not, and no answer contains either."""
    person = with_password(web)
    wrong = person.post(f"{PAGE}/password", current="not my password at all", new=ANOTHER, again=ANOTHER)
    assert (wrong.status_code, "The current password is wrong." in wrong.text) == (422, True)
    missing = person.post(f"{PAGE}/password", new=ANOTHER, again=ANOTHER)
    assert missing.status_code == 422
    done = person.change(f"{PAGE}/password", current=PASSWORD, new=ANOTHER, again=ANOTHER)
    assert another_browser(web)[1].status_code == 401
    assert another_browser(web, password=ANOTHER)[1].status_code == 303
    assert not any(secret in answer.text for secret in (PASSWORD, ANOTHER) for answer in (wrong, missing, done))
    assert [row["actor"] for row in rows(web.gateway, "audit", action="user.password")] == ["user:kim", "user:kim"]


@pytest.mark.parametrize(
    "form, rule",
    [
        ({"new": PASSWORD, "again": ANOTHER}, "The two passwords differ"),
        ({"new": "short", "again": "short"}, "12 to 256 characters"),
        ({"new": "viewer.users", "again": "viewer.users"}, "is no password"),
    ],
)
def test_a_password_that_may_not_be_is_refused_with_the_rule(web: Web, form: dict[str, str], rule: str) -> None:
    """The form is shown again."""
    person = signed_in(web, Role.VIEWER, name="viewer.users")
    answer = person.post(f"{PAGE}/password", form_page=PAGE, **form)
    assert answer.status_code == 422
    assert rule in unescape(answer.text)
    assert 'name="again"' in answer.text


def test_another_password_ends_every_other_session(web: Web) -> None:
    """The browser that chose it stays signed in."""
    person = with_password(web)
    other, answer = another_browser(web)
    assert answer.status_code == 303
    person.change(f"{PAGE}/password", current=PASSWORD, new=ANOTHER, again=ANOTHER)
    assert other.get("/console").status_code == 303
    assert person.page("/console")


def test_guesses_of_the_current_password_lock_the_name(web: Web) -> None:
    """A session that somebody took over gets no more guesses than the sign-in gives."""
    person = with_password(web)
    guess = {"current": "not my password at all", "new": ANOTHER, "again": ANOTHER}
    statuses = [person.post(f"{PAGE}/password", **guess).status_code for _ in range(6)]
    assert statuses == [422] * 5 + [429]


def test_an_authenticator_is_set_up_by_its_secret_and_a_code(web: Web) -> None:
    """The secret is text, a link and a QR code without any style; from then on the sign-in needs a code."""
    person = with_password(web)
    answer = person.post(f"{PAGE}/authenticator")
    secret = secret_of(answer)
    assert f"secret={secret}" in answer.text
    assert re.search(r'<svg class="qr" role="img" aria-label="[^"]+" viewBox="0 0 \d+ \d+"', answer.text)
    assert "style=" not in answer.text
    assert answer.headers["Cache-Control"] == "private, no-store"
    wrong = person.post(f"{PAGE}/authenticator/confirm", secret=secret, code="000000")
    assert wrong.status_code == 422
    assert secret_of(wrong) == secret
    assert another_browser(web)[1].status_code == 303
    done = person.change(f"{PAGE}/authenticator/confirm", secret=secret, code=code_of(secret))
    assert "Your authenticator is set up" in done.text
    assert secret not in done.text
    assert another_browser(web)[1].status_code == 401
    assert another_browser(web, code=code_of(secret, ahead=1))[1].status_code == 303
    assert rows(web.gateway, "audit", action="user.totp")[0]["actor"] == "user:kim"


def test_codes_end_with_a_code(web: Web) -> None:
    """A session that somebody took over is not enough."""
    person, secret = with_codes(web)
    assert person.post(f"{PAGE}/authenticator/end", code="000000").status_code == 422
    done = person.change(f"{PAGE}/authenticator/end", code=code_of(secret, ahead=1))
    assert "asks for no code any more" in done.text
    assert another_browser(web)[1].status_code == 303


@pytest.mark.parametrize("secret", ["A" * 31, "<script>alert(1)</script>", "a" * 32])
def test_a_secret_that_was_not_made_here_is_refused(web: Web, secret: str) -> None:
    """It is not shown again either."""
    person = with_password(web)
    answer = person.post(f"{PAGE}/authenticator/confirm", secret=secret, code="123456")
    assert answer.status_code == 422
    assert secret not in answer.text


def test_sessions_are_listed_in_words_and_end_one_by_one(web: Web) -> None:
    """The one that shows them is marked, and has no button to end it."""
    person = with_password(web)
    phone, _ = another_browser(web, agent=PHONE)
    other, _ = another_browser(web, agent="<script>alert(1)</script>")
    page = person.page(PAGE)
    assert "Safari on iPhone" in page
    assert page.count("this one") == 1
    assert "<script>alert" not in page
    ends = re.findall(rf'action="({PAGE}/sessions/[0-9a-f-]{{36}}/end)"', page)
    assert len(ends) == 2
    done = person.change(ends[1])
    assert "The session has ended" in done.text
    assert phone.get("/console").status_code == 303
    assert other.get("/console").status_code == 200
    assert person.post(ends[1]).status_code == 404
    assert rows(web.gateway, "audit", action="user.sessions_ended")[0]["actor"] == "user:kim"


def test_all_other_sessions_end_at_once(web: Web) -> None:
    """This one stays."""
    person = with_password(web)
    others = [another_browser(web)[0] for _ in range(2)]
    assert "All your other sessions have ended" in person.change(f"{PAGE}/sessions/end").text
    assert [other.get("/console").status_code for other in others] == [303, 303]


def test_a_session_of_another_person_cannot_be_ended(web: Web) -> None:
    """It is as unknown as one that is over."""
    mine, theirs = signed_in(web, Role.ADMIN), signed_in(web, Role.VIEWER, name="kim")
    user = web.gateway.users.users.find(ROOT, "kim")
    [session] = web.gateway.users.sessions.of_user(user.id)
    assert mine.post(f"{PAGE}/sessions/{session.id}/end").status_code == 404
    assert theirs.page("/console")
