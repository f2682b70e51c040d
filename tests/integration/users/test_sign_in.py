"""Signing in to the console, by password and code, and by link."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.domain.errors import SignInRefused
from app.domain.users.roles import Role
from app.services.users.sessions import caller_of
from app.wiring.gateway import Gateway
from tests.support.database.interleaving import locked, others
from tests.support.gateway.rows import age, count, everything_stored, rows
from tests.support.users.people import PASSWORD, ROOT, WHY, CountingHasher, code_of, person, sign_in, with_codes

ON_POSTGRESQL = pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)


def test_a_new_user_signs_in_by_link_and_then_by_password(gateway: Gateway) -> None:
    """The link is the first way in; there the user chooses a password. The name is not case-sensitive."""
    user, link = gateway.users.users.create(ROOT, " Kim@Example.com", Role.SUPPORT)
    assert (user.name, user.role, user.has_password, user.has_totp) == ("kim@example.com", Role.SUPPORT, False, False)
    token = gateway.users.sign_in.with_link(link, user_agent="Firefox")
    assert token is not None
    session = gateway.users.sessions.behind(token)
    assert session is not None
    gateway.users.users.set_password(session.user, None, PASSWORD, except_token=token)
    assert gateway.users.sessions.behind(token)
    assert gateway.users.sessions.behind(sign_in(gateway, "KIM@example.com "))
    assert caller_of(session).actor == "user:kim@example.com"
    assert caller_of(session).is_admin


def no_such_user(_gateway: Gateway) -> tuple[str, str, str | None]:
    return ("lee", PASSWORD, None)


def no_name(_gateway: Gateway) -> tuple[str, str, str | None]:
    return ("\0\ud800" * 1000, PASSWORD, None)


def wrong_password(_gateway: Gateway) -> tuple[str, str, str | None]:
    return ("kim", PASSWORD + " ", None)


def no_code(gateway: Gateway) -> tuple[str, str, str | None]:
    with_codes(gateway, gateway.users.users.find(ROOT, "kim"))
    return ("kim", PASSWORD, None)


def wrong_code(gateway: Gateway) -> tuple[str, str, str | None]:
    secret = with_codes(gateway, gateway.users.users.find(ROOT, "kim"))
    return ("kim", PASSWORD, code_of(gateway, secret, ahead=7))


def disabled(gateway: Gateway) -> tuple[str, str, str | None]:
    gateway.users.users.disable(ROOT, "kim", WHY)
    return ("kim", PASSWORD, None)


def without_password(gateway: Gateway) -> tuple[str, str, str | None]:
    gateway.users.users.create(ROOT, "lee", Role.VIEWER)
    return ("lee", PASSWORD, None)


@pytest.mark.parametrize(
    "prepare",
    [no_such_user, no_name, wrong_password, no_code, wrong_code, disabled, without_password],
    ids=lambda prepare: prepare.__name__,
)
def test_every_refusal_says_the_same_after_the_same_work(
    gateway: Gateway, hasher: CountingHasher, prepare: Callable[[Gateway], tuple[str, str, str | None]]
) -> None:
    """So neither the answer nor its time shows whether a user exists. Nothing that was typed is stored."""
    person(gateway)
    name, password, code = prepare(gateway)
    hasher.verified = 0
    with pytest.raises(SignInRefused) as refused:
        sign_in(gateway, name, password, code)
    assert refused.value.detail == "The name, the password or the code is wrong."
    assert hasher.verified == 1
    assert count(gateway, "user_sessions") == 0
    assert PASSWORD not in everything_stored(gateway)
    assert "user.signed_in" not in {row["action"] for row in rows(gateway, "audit")}


def test_a_user_who_needs_codes_signs_in_with_one(gateway: Gateway) -> None:
    """Each code works once; with its use those before it end, too."""
    secret = with_codes(gateway, person(gateway))
    for ahead in (0, -1):
        with pytest.raises(SignInRefused):
            sign_in(gateway, code=code_of(gateway, secret, ahead=ahead))
    code = code_of(gateway, secret, ahead=1)
    assert sign_in(gateway, code=code)
    with pytest.raises(SignInRefused):
        sign_in(gateway, code=code)


def test_the_secret_of_the_codes_is_sealed(gateway: Gateway) -> None:
    """A copy of the database holds neither it, nor a password, nor a token."""
    secret = with_codes(gateway, person(gateway))
    token = sign_in(gateway, code=code_of(gateway, secret, ahead=1))
    link = gateway.users.users.link(ROOT, "kim")
    stored = everything_stored(gateway)
    assert [text for text in (secret, token, link, PASSWORD) if text in stored] == []


@ON_POSTGRESQL
def test_of_two_sign_ins_with_one_code_one_succeeds(gateway: Gateway) -> None:
    """Even at the same moment: the second one looks again at which code was used, once the first is done."""
    user = person(gateway)
    secret = with_codes(gateway, user)
    code = code_of(gateway, secret, ahead=1)
    with others(gateway) as crowd:
        with locked(gateway, "users", id=user.id):
            for _ in range(2):
                crowd.begin(lambda: succeeds(lambda: sign_in(gateway, code=code)))
        assert sorted(crowd.results()) == [False, True]


def test_a_link_works_once(gateway: Gateway) -> None:
    """A second use, as from the history of a browser, has no effect."""
    person(gateway)
    link = gateway.users.users.link(ROOT, "kim")
    assert gateway.users.sign_in.with_link(link, user_agent="")
    assert gateway.users.sign_in.with_link(link, user_agent="") is None
    assert count(gateway, "user_sessions") == 1


@ON_POSTGRESQL
def test_of_two_uses_of_a_link_at_once_one_succeeds(gateway: Gateway) -> None:
    """Even at the same moment."""
    user = person(gateway)
    link = gateway.users.users.link(ROOT, "kim")
    with others(gateway) as crowd:
        with locked(gateway, "users", id=user.id):
            for _ in range(2):
                crowd.begin(lambda: gateway.users.sign_in.with_link(link, user_agent="") is not None)
        assert sorted(crowd.results()) == [False, True]


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 10_000, "é" * 43, "\0"])
def test_what_is_no_link_begins_no_session(gateway: Gateway, token: str) -> None:
    """Whatever comes in."""
    assert gateway.users.sign_in.with_link(token, user_agent="") is None


def test_a_link_lasts_for_a_quarter_of_an_hour(gateway: Gateway) -> None:
    """By the database's clock; the first link of a user lasts for a day, since it has to be handed over."""
    _, first = gateway.users.users.create(ROOT, "kim", Role.VIEWER)
    [row] = rows(gateway, "sign_in_links")
    age(gateway, "sign_in_links", "expires_at", timedelta(0))
    assert gateway.users.sign_in.with_link(first, user_agent="") is None
    gateway.users.users.link(ROOT, "kim")
    [later] = rows(gateway, "sign_in_links")
    assert timedelta(hours=23, minutes=40) < row["expires_at"] - later["expires_at"] < timedelta(hours=23, minutes=46)


def test_a_link_replaces_the_password_and_those_before_it(gateway: Gateway) -> None:
    """It is for a user that has forgotten the password: with its use all that was signed in ends."""
    user = person(gateway)
    session = sign_in(gateway)
    first, second = gateway.users.users.link(ROOT, "kim"), gateway.users.users.link(ROOT, "kim")
    assert gateway.users.sign_in.with_link(first, user_agent="") is None
    assert gateway.users.sessions.behind(session)
    token = gateway.users.sign_in.with_link(second, user_agent="")
    assert token is not None
    assert gateway.users.sessions.behind(session) is None
    with pytest.raises(SignInRefused):
        sign_in(gateway)
    gateway.users.users.set_password(user, None, "another long password", except_token=token)
    assert sign_in(gateway, password="another long password")


def test_a_link_of_a_disabled_user_has_ended(gateway: Gateway) -> None:
    """Also when the user is enabled again."""
    person(gateway)
    link = gateway.users.users.link(ROOT, "kim")
    gateway.users.users.disable(ROOT, "kim", WHY)
    assert gateway.users.sign_in.with_link(link, user_agent="") is None
    gateway.users.users.enable(ROOT, "kim", WHY)
    assert gateway.users.sign_in.with_link(link, user_agent="") is None


def test_a_password_that_was_changed_meanwhile_is_wrong(
    gateway: Gateway, hasher: CountingHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is verified outside of the transaction; what it was verified against has to be there still."""
    user = person(gateway)
    verify = hasher.verify

    def verify_slowly(*given: str) -> bool:
        right = verify(*given)
        monkeypatch.setattr(hasher, "verify", verify)
        gateway.users.users.set_password(user, PASSWORD, "another long password")
        return right

    monkeypatch.setattr(hasher, "verify", verify_slowly)
    with pytest.raises(SignInRefused):
        sign_in(gateway)


def test_every_sign_in_is_in_the_audit(gateway: Gateway) -> None:
    """With the user as its actor, and how the user signed in."""
    secret = with_codes(gateway, person(gateway))
    sign_in(gateway, code=code_of(gateway, secret, ahead=1))
    gateway.users.sign_in.with_link(gateway.users.users.link(ROOT, "kim"), user_agent="")
    noted = [(row["actor"], row["data"]) for row in rows(gateway, "audit", action="user.signed_in")]
    assert noted == [("user:kim", {"by": "code"}), ("user:kim", {"by": "link"})]


def succeeds(attempt: Callable[[], object]) -> bool:
    """Whether this attempt to sign in is not refused."""
    try:
        attempt()
    except SignInRefused:
        return False
    return True
