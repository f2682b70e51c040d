"""The sessions of users."""

from datetime import timedelta
from unittest.mock import Mock

import pytest

from app.domain.errors import ServiceUnavailable
from app.domain.users.roles import Role
from app.services.operating.sweeps import Sweep
from app.store.users import user_sessions
from app.wiring.gateway import Gateway
from tests.support.gateway.rows import age, count, rows
from tests.support.users.people import PASSWORD, ROOT, WHY, now, person, sign_in


def test_a_session_knows_its_user_and_its_browser(gateway: Gateway) -> None:
    """The text of the browser is cut, and what does not print is left out of it."""
    person(gateway)
    agent = "Fire\0fox\n\ud800" + "x" * 300
    token = gateway.users.sign_in.with_password("kim", PASSWORD, None, user_agent=agent)
    session = gateway.users.sessions.behind(token)
    assert session is not None
    assert session.user == gateway.users.users.find(ROOT, "kim")
    assert session.user_agent == "Firefox" + "x" * 193
    assert session.ends_at - session.created_at == timedelta(hours=12)


@pytest.mark.parametrize("token", ["", "x" * 43, "x" * 10_000, "\0\ud800"])
def test_an_unknown_token_has_no_session(gateway: Gateway, token: str) -> None:
    """Whatever comes in a cookie; ending it changes nothing."""
    assert gateway.users.sessions.behind(token) is None
    gateway.users.sessions.end(token)


@pytest.mark.parametrize("column, after", [("ends_at", timedelta(0)), ("seen_at", timedelta(hours=2))])
def test_a_session_ends_by_itself(gateway: Gateway, column: str, after: timedelta) -> None:
    """Twelve hours after it began, and two after it was last used, by the database's clock."""
    user = person(gateway)
    token = sign_in(gateway)
    age(gateway, "user_sessions", column, after - timedelta(minutes=1))
    assert gateway.users.sessions.behind(token)
    age(gateway, "user_sessions", column, after)
    assert gateway.users.sessions.behind(token) is None
    assert gateway.users.sessions.of_user(user.id) == ()


def test_the_use_of_a_session_is_noted_once_a_minute(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page costs a read, and no write."""
    person(gateway)
    token = sign_in(gateway)
    touch = Mock(side_effect=user_sessions.touch)
    monkeypatch.setattr(user_sessions, "touch", touch)
    gateway.users.sessions.behind(token)
    touch.assert_not_called()
    age(gateway, "user_sessions", "seen_at", timedelta(minutes=5))
    for _ in range(3):
        assert gateway.users.sessions.behind(token)
    touch.assert_called_once()
    [row] = rows(gateway, "user_sessions")
    assert now(gateway) - row["seen_at"] < timedelta(minutes=1)


def test_a_busy_database_ends_no_session(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the use could not be noted is logged; the page is shown."""

    def busy(*_: object) -> None:
        raise ServiceUnavailable("The database did not answer in time.")

    person(gateway)
    token = sign_in(gateway)
    age(gateway, "user_sessions", "seen_at", timedelta(minutes=5))
    monkeypatch.setattr(user_sessions, "touch", busy)
    assert gateway.users.sessions.behind(token)


def test_a_user_lists_and_ends_sessions(gateway: Gateway) -> None:
    """One of them, or all but the one that asks; newest first, and those of no other user."""
    kim, lee = person(gateway), person(gateway, "lee")
    theirs = sign_in(gateway, "lee")
    first, second, third = (sign_in(gateway) for _ in range(3))
    sessions = gateway.users.sessions
    listed = sessions.of_user(kim.id)
    assert [one.id for one in listed] == sorted((one.id for one in listed), reverse=True)
    assert len(listed) == 3
    assert not sessions.end_one(lee, listed[0].id)
    assert sessions.end_one(kim, listed[0].id)
    assert sessions.behind(third) is None
    assert sessions.end_all(kim, first) == 1
    assert sessions.behind(second) is None
    assert sessions.behind(first)
    sessions.end(first)
    assert sessions.behind(first) is None
    assert sessions.behind(theirs)


def test_the_session_of_a_disabled_user_has_ended(gateway: Gateway) -> None:
    """At once, and for good."""
    person(gateway)
    token = sign_in(gateway)
    gateway.users.users.disable(ROOT, "kim", WHY)
    assert gateway.users.sessions.behind(token) is None
    gateway.users.users.enable(ROOT, "kim", WHY)
    assert gateway.users.sessions.behind(token) is None


def test_another_role_or_password_ends_the_sessions(gateway: Gateway) -> None:
    """What was signed in with the old one is signed in no more; the browser that changes the password goes on."""
    user = person(gateway)
    token = sign_in(gateway)
    gateway.users.users.change_role(ROOT, "kim", Role.VIEWER, WHY)
    assert gateway.users.sessions.behind(token) is None
    mine, other = sign_in(gateway), sign_in(gateway)
    gateway.users.users.set_password(user, PASSWORD, "another long password", except_token=mine)
    assert gateway.users.sessions.behind(mine)
    assert gateway.users.sessions.behind(other) is None


def test_sessions_and_links_that_have_ended_are_deleted(gateway: Gateway) -> None:
    """By the sweep; those that work stay."""
    person(gateway)
    person(gateway, "lee")
    old, new = sign_in(gateway), sign_in(gateway)
    gateway.users.users.link(ROOT, "kim")
    gateway.users.users.link(ROOT, "lee")
    first = rows(gateway, "user_sessions")[0]
    age(gateway, "user_sessions", "ends_at", timedelta(0), id=first["id"])
    age(gateway, "sign_in_links", "expires_at", timedelta(0), user_id=first["user_id"])
    gateway.upkeep.run(Sweep.RETENTION)
    assert (count(gateway, "user_sessions"), count(gateway, "sign_in_links")) == (1, 1)
    assert gateway.users.sessions.behind(old) is None
    assert gateway.users.sessions.behind(new)
