"""Administrators keep users, and each user keeps its own password and codes."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest

from app.domain.errors import Conflict, NotFound, PosternError, RestrictedApiKey, SignInRefused, ValidationFailed
from app.domain.users.roles import Role
from app.services.operating.key_rotation import new_key
from app.services.paging import Page
from app.services.users.users import Users
from app.wiring.gateway import Gateway
from tests.support.database.interleaving import locked, others
from tests.support.gateway.gateways import SECRET_KEY, caller, gateway_on
from tests.support.gateway.rows import change, rows
from tests.support.gateway.web import NO_ID
from tests.support.users.people import PASSWORD, ROOT, WHY, code_of, person, sign_in, with_codes

OIDC = ("https://id.example.com", "248289761001")


def pointer_of(call: Callable[[], object]) -> str:
    """The pointer of the fault of a call that is refused."""
    with pytest.raises(ValidationFailed) as refused:
        call()
    return refused.value.faults[0].pointer


def test_a_name_is_taken_once(gateway: Gateway) -> None:
    """In whatever case it is written."""
    person(gateway)
    assert pointer_of(lambda: gateway.users.users.create(ROOT, "Kim ", Role.ADMIN)) == "/name"
    assert [one.name for one in gateway.users.users.all(ROOT)] == ["kim"]


CHANGES: dict[str, Callable[[Users, str], object]] = {
    "role": lambda users, why: users.change_role(ROOT, "kim", Role.VIEWER, why),
    "disable": lambda users, why: users.disable(ROOT, "kim", why),
    "enable": lambda users, why: users.enable(ROOT, "kim", why),
    "totp": lambda users, why: users.reset_totp(ROOT, "kim", why),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_needs_a_reason_and_a_user(gateway: Gateway, change: str) -> None:
    """The reason is one line; an unknown user is not found."""
    with pytest.raises(NotFound):
        CHANGES[change](gateway.users.users, WHY)
    person(gateway)
    for reason in ("", "  ", "two\nlines"):
        assert pointer_of(partial(CHANGES[change], gateway.users.users, reason)) == "/reason"


def test_every_change_is_in_the_audit_with_its_actor_and_reason(gateway: Gateway) -> None:
    """A change that changes nothing is not."""
    user = person(gateway)
    secret = with_codes(gateway, user)
    users = gateway.users.users
    for _ in range(2):
        users.change_role(ROOT, "kim", Role.VIEWER, WHY)
        users.disable(ROOT, "kim", WHY)
    for _ in range(2):
        users.enable(ROOT, "kim", WHY)
        users.reset_totp(ROOT, "kim", WHY)
    users.link(ROOT, "kim")
    noted = [(row["action"], row["actor"], row["reason"], row["data"]["user"]) for row in rows(gateway, "audit")]
    assert noted == [
        ("user.created", ROOT.actor, None, "kim"),
        ("user.password", "user:kim", None, "kim"),
        ("user.totp", "user:kim", None, "kim"),
        ("user.role", ROOT.actor, WHY, "kim"),
        ("user.disabled", ROOT.actor, WHY, "kim"),
        ("user.enabled", ROOT.actor, WHY, "kim"),
        ("user.totp_reset", ROOT.actor, WHY, "kim"),
        ("user.link", ROOT.actor, None, "kim"),
    ]
    assert secret not in repr(rows(gateway, "audit"))


def test_only_an_administrator_keeps_users(gateway: Gateway) -> None:
    """An application with every other scope does not even see them."""
    users, app = gateway.users.users, caller(gateway)
    calls: list[Callable[[], object]] = [
        lambda: users.create(app, "lee", Role.ADMIN),
        lambda: users.first_admin(app),
        lambda: users.link(app, "kim"),
        lambda: users.all(app),
        lambda: users.page(app, Page(limit=1)),
        lambda: users.by_id(app, UUID(NO_ID)),
        lambda: users.find(app, "kim"),
        lambda: users.change_role(app, "kim", Role.VIEWER, WHY),
        lambda: users.disable(app, "kim", WHY),
        lambda: users.enable(app, "kim", WHY),
        lambda: users.reset_totp(app, "kim", WHY),
    ]
    for call in calls:
        with pytest.raises(RestrictedApiKey):
            call()


def test_the_last_administrator_stays_one(gateway: Gateway) -> None:
    """A disabled one does not count. With two, either may go."""
    users = gateway.users.users
    for name in ("kim", "lee", "pat"):
        person(gateway, name, Role.ADMIN)
    users.disable(ROOT, "pat", WHY)
    users.change_role(ROOT, "lee", Role.SUPPORT, WHY)
    with pytest.raises(Conflict):
        users.disable(ROOT, "kim", WHY)
    with pytest.raises(Conflict):
        users.change_role(ROOT, "kim", Role.OPERATOR, WHY)
    assert users.change_role(ROOT, "kim", Role.ADMIN, WHY).role is Role.ADMIN
    assert users.change_role(ROOT, "pat", Role.VIEWER, WHY).role is Role.VIEWER
    users.change_role(ROOT, "lee", Role.ADMIN, WHY)
    assert users.disable(ROOT, "kim", WHY).disabled_at


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_two_administrators_do_not_disable_each_other_at_once(gateway: Gateway) -> None:
    """One of them stays."""
    admins = ["ada", "kim", "lee"]
    for name in admins:
        person(gateway, name, Role.ADMIN)

    def disable(name: str) -> bool:
        try:
            gateway.users.users.disable(ROOT, name, WHY)
        except Conflict:
            return False
        return True

    with others(gateway) as at_once:
        with locked(gateway, "users", role=Role.ADMIN):
            for name in admins:
                at_once.begin(partial(disable, name))
        assert sorted(at_once.results()) == [False, True, True]


def test_a_password_is_changed_with_the_current_one(gateway: Gateway) -> None:
    """And with no other; the new one follows the rules."""
    user = person(gateway)
    change = gateway.users.users.set_password
    assert pointer_of(lambda: change(user, None, "another long password")) == "/current"
    assert pointer_of(lambda: change(user, "wrong", "another long password")) == "/current"
    assert pointer_of(lambda: change(user, PASSWORD, "short")) == "/password"
    change(user, PASSWORD, "another long password")
    assert sign_in(gateway, password="another long password")


def test_codes_are_set_up_with_a_code_and_ended_with_a_code(gateway: Gateway) -> None:
    """So a user is not locked out by a secret that no app has; the code of the set-up does not sign in."""
    user, users = person(gateway), gateway.users.users
    secret, uri = users.begin_totp(user)
    assert secret in uri
    assert not users.find(ROOT, "kim").has_totp
    assert pointer_of(lambda: users.confirm_totp(user, secret, "000000x")) == "/code"
    assert pointer_of(lambda: users.confirm_totp(user, "A", "000000")) == "/secret"
    code = code_of(gateway, secret)
    users.confirm_totp(user, secret, code)
    assert users.find(ROOT, "kim").has_totp
    with pytest.raises(SignInRefused):
        sign_in(gateway, code=code)
    other, _ = users.begin_totp(user)
    with pytest.raises(Conflict):
        users.confirm_totp(user, other, code_of(gateway, other))
    assert pointer_of(lambda: users.end_totp(user, code)) == "/code"
    users.end_totp(user, code_of(gateway, secret, ahead=1))
    assert not users.find(ROOT, "kim").has_totp
    assert sign_in(gateway)


def test_the_first_administrator_is_made_once(gateway: Gateway) -> None:
    """Each start of `up` makes another link, which leaves the password of the administrator."""
    users, enter = gateway.users.users, gateway.users.sign_in.with_link
    first, second = users.first_admin(ROOT), users.first_admin(ROOT)
    assert enter(first, user_agent="") is None
    assert enter(second, user_agent="")
    [admin] = users.all(ROOT)
    assert (admin.name, admin.role) == ("admin", Role.ADMIN)
    users.set_password(admin, None, PASSWORD)
    assert enter(users.first_admin(ROOT), user_agent="")
    assert sign_in(gateway, "admin")


def test_a_rotation_of_the_keys_keeps_the_codes(gateway: Gateway) -> None:
    """The secrets are resealed with all else that is sealed; users without codes have nothing to reseal."""
    person(gateway, "lee")
    secret = with_codes(gateway, person(gateway))
    key = new_key()
    settings = gateway.settings
    with gateway_on(settings.database_url, settings.redis_url, secret_keys=f"{key},{SECRET_KEY}") as rotating:
        assert list(rotating.rotation.reseal(ROOT))[-1].sealed["users"] == 1
    with gateway_on(settings.database_url, settings.redis_url, secret_keys=key) as rotated:
        assert sign_in(rotated, code=code_of(rotated, secret, ahead=1))


def test_an_openid_provider_signs_its_users_in(gateway: Gateway) -> None:
    """The first time makes the user, whose role follows that of the provider from then on."""
    enter, find = gateway.users.sign_in.with_oidc, gateway.users.users.find
    token = enter(*OIDC, "Kim@example.com", Role.VIEWER, user_agent="")
    assert gateway.users.sessions.behind(token)
    assert find(ROOT, "kim@example.com").role is Role.VIEWER
    again = enter(*OIDC, "renamed@example.com", Role.ADMIN, user_agent="")
    session = gateway.users.sessions.behind(again)
    assert session is not None
    assert (session.user.name, session.user.role) == ("kim@example.com", Role.ADMIN)
    assert gateway.users.sessions.behind(token) is None
    assert enter(OIDC[0], "another", "lee", Role.VIEWER, user_agent="")


def test_the_provider_takes_no_role_from_the_last_administrator(gateway: Gateway) -> None:
    """Who keeps it until there is another one. The audit says so, and the sessions go on."""
    enter, find = gateway.users.sign_in.with_oidc, gateway.users.users.find
    token = enter(*OIDC, "kim", Role.ADMIN, user_agent="")
    enter(*OIDC, "kim", Role.VIEWER, user_agent="")
    assert find(ROOT, "kim").role is Role.ADMIN
    assert gateway.users.sessions.behind(token)
    [kept] = rows(gateway, "audit", action="user.role_kept")
    assert kept["data"] == {"user": "kim", "role": "viewer", "before": "admin"}
    gateway.users.users.create(ROOT, "lee", Role.ADMIN)
    gateway.users.users.disable(ROOT, "lee", WHY)
    enter(*OIDC, "kim", Role.VIEWER, user_agent="")
    assert find(ROOT, "kim").role is Role.ADMIN
    gateway.users.users.enable(ROOT, "lee", WHY)
    enter(*OIDC, "kim", Role.VIEWER, user_agent="")
    assert find(ROOT, "kim").role is Role.VIEWER
    assert gateway.users.sessions.behind(token) is None


@pytest.mark.parametrize(
    "issuer, subject, name, error",
    [
        (*OIDC, "kim", SignInRefused),
        (OIDC[0], "s" * 256, "lee", SignInRefused),
        (*OIDC, "lee lee", ValidationFailed),
        ("https://id.example.com", "disabled", "pat", SignInRefused),
    ],
)
def test_an_openid_provider_takes_over_no_user(
    gateway: Gateway, issuer: str, subject: str, name: str, error: type[PosternError]
) -> None:
    """Neither one with the same name, nor one that is disabled."""
    person(gateway)
    gateway.users.sign_in.with_oidc(OIDC[0], "disabled", "pat", Role.VIEWER, user_agent="")
    gateway.users.users.disable(ROOT, "pat", WHY)
    with pytest.raises(error):
        gateway.users.sign_in.with_oidc(issuer, subject, name, Role.ADMIN, user_agent="")
    assert {one.name for one in gateway.users.users.all(ROOT)} == {"kim", "pat"}


def test_forgetting_a_person_leaves_the_user_of_the_same_address(gateway: Gateway) -> None:
    """Their sign-in is not email that they got: it ends when an administrator disables the user."""
    person(gateway, "kim@example.com")
    gateway.forget(ROOT, "kim@example.com", reason=WHY, ask_ses=False)
    assert sign_in(gateway, "kim@example.com")


def test_a_user_without_codes_ends_none_and_resets_no_failures(gateway: Gateway) -> None:
    """Else a signed-in browser could guess the password for ever: the end of codes forgets failures."""
    user = person(gateway)
    for _ in range(2):
        assert (
            pointer_of(lambda: gateway.users.users.set_password(user, "wrong", "another long password")) == "/current"
        )
        with pytest.raises(Conflict, match="no codes"):
            gateway.users.users.end_totp(user, "123456")
    [failures] = rows(gateway, "sign_in_failures")
    assert failures["failures"] == 2


def test_a_secret_of_codes_that_does_not_open_is_said(gateway: Gateway) -> None:
    """To somebody with the right password; an administrator resets the codes."""
    user = person(gateway)
    secret = with_codes(gateway, user)
    change(gateway, "users", {"sealed_key": b"x" * 60})
    with pytest.raises(Conflict, match="SECRET_KEYS"):
        sign_in(gateway, code=code_of(gateway, secret, ahead=1))
    gateway.users.users.reset_totp(ROOT, user.name, WHY)
    assert sign_in(gateway)
