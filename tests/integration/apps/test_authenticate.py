"""The application of a key: found by its public half, proven by its secret, refused soon after it was revoked."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from app.domain.apps.callers import Scope
from app.domain.errors import (
    InvalidApiKey,
    MissingApiKey,
    NotFound,
    RestrictedApiKey,
    ServiceUnavailable,
    ValidationFailed,
)
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.services.apps.authenticate import Authenticate
from app.services.apps.issue_keys import Issued
from app.services.apps.trusted_keys import TrustedKeys
from app.store.engine.database import Database
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import issue
from tests.support.gateway.rows import age, everything_stored, rows


class Clock:
    """A clock in seconds that the test moves on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_key_names_its_application(gateway: Gateway) -> None:
    """Scopes, senders and actor are those of the key's application."""
    issued = issue(gateway, app="invites", scopes=frozenset({Scope.EMAILS_SEND}), senders=("@example.com",))
    who = gateway.authenticate(f"Bearer {issued.token}")
    assert (who.app, who.scopes, who.senders) == ("invites", frozenset({Scope.EMAILS_SEND}), ("@example.com",))
    assert who.actor == f"key:{issued.key.public_id}"
    assert gateway.authenticate(f"bearer   {issued.token}") == who


@pytest.mark.parametrize("header", [None, ""])
def test_a_request_without_a_key_is_refused_as_missing(gateway: Gateway, header: str | None) -> None:
    """An empty header counts as no key."""
    with pytest.raises(MissingApiKey):
        gateway.authenticate(header)


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Basic abc", "ptn_abcdefghijkl_x", f"Bearer ptn_abcdefghijkl_{43 * 'A'}", "a b"]
)
def test_an_invalid_key_is_refused(gateway: Gateway, header: str) -> None:
    """Malformed and unknown keys get the same answer."""
    with pytest.raises(InvalidApiKey):
        gateway.authenticate(header)


@pytest.mark.parametrize(
    "form, sentence",
    [
        ("{key}", "with one space before the key"),
        ("Token {key}", "with one space before the key"),
        ("Bearer: {key}", "with one space before the key"),
        ("Bearer re_123456789", "its keys are ptn_…, of 60 characters"),
        ("Bearer {key}x", "its keys are ptn_…, of 60 characters"),
    ],
)
def test_a_key_in_another_form_is_refused_with_the_right_one(gateway: Gateway, form: str, sentence: str) -> None:
    """A valid key does not help without the scheme, and the answer says how to send it."""
    with pytest.raises(InvalidApiKey, match=sentence):
        gateway.authenticate(form.format(key=issue(gateway).token))


def test_white_space_around_a_key_does_not_count(gateway: Gateway) -> None:
    """Headers that are put together from a file end in a space or a line break."""
    token = issue(gateway).token
    assert gateway.authenticate(f" bearer  {token} ").app == gateway.authenticate(f"Bearer {token}").app


def test_a_wrong_secret_is_refused(gateway: Gateway) -> None:
    """The public half alone is not enough, even when the key is already cached."""
    token = issue(gateway).token
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    for _ in range(2):
        with pytest.raises(InvalidApiKey):
            gateway.authenticate(f"Bearer {wrong}")
        gateway.authenticate(f"Bearer {token}")


def test_a_revoked_key_is_refused_within_five_seconds(gateway: Gateway) -> None:
    """A key is cached for a moment, and no longer."""
    clock = Clock()
    authenticate = Authenticate(TrustedKeys(database=gateway.database, monotonic=clock))
    issued = issue(gateway)
    authenticate(f"Bearer {issued.token}")
    gateway.issue_keys.revoke(ROOT, issued.token)
    clock.now += 5
    with pytest.raises(InvalidApiKey):
        authenticate(f"Bearer {issued.token}")
    with pytest.raises(NotFound):
        gateway.issue_keys.revoke(ROOT, issued.key.public_id)


def test_an_expired_key_is_refused(gateway: Gateway) -> None:
    """By the database's clock."""
    issued = issue(gateway)
    age(gateway, "api_keys", "expires_at", timedelta(seconds=1))
    with pytest.raises(InvalidApiKey):
        gateway.authenticate(f"Bearer {issued.token}")


DOOR = frozenset({Scope.SMTP, Scope.EMAILS_SEND})


def test_a_user_name_and_a_password_are_a_key(gateway: Gateway) -> None:
    """The name is the id of the key, the password its secret; people also paste the whole key."""
    issued = issue(gateway, scopes=DOOR)
    public_id, secret = issued.key.public_id, issued.secret
    for name in (f"ptn_{public_id}", public_id):
        for password in (secret, issued.token):
            who = gateway.authenticate.with_secret(name, password)
            assert (who.actor, who.scopes) == (f"key:{public_id}", DOOR)


@pytest.mark.parametrize("spoilt", ["wrong secret", "unknown name", "another key", "no name", "no password", "NUL"])
def test_a_wrong_name_or_password_is_refused(gateway: Gateway, spoilt: str) -> None:
    """A password that is the whole of another key does not open this one."""
    issued, other = issue(gateway, scopes=DOOR), issue(gateway, scopes=DOOR)
    name, secret = f"ptn_{issued.key.public_id}", issued.secret
    given = {
        "wrong secret": (name, "A" * 43),
        "unknown name": ("ptn_abcdefghijkl", secret),
        "another key": (name, other.token),
        "no name": ("", secret),
        "no password": (name, ""),
        "NUL": (f"{name}\0", secret),
    }[spoilt]
    with pytest.raises(InvalidApiKey):
        gateway.authenticate.with_secret(*given)


def test_a_key_without_the_scope_does_not_open_smtp(gateway: Gateway) -> None:
    """Its secret is right, and its other scopes do not help; `admin` includes the door."""
    plain, admin = issue(gateway), issue(gateway, scopes=frozenset({Scope.ADMIN}))
    with pytest.raises(RestrictedApiKey, match="smtp"):
        gateway.authenticate.with_secret(plain.key.public_id, plain.token)
    assert gateway.authenticate.with_secret(admin.key.public_id, admin.token).is_admin


class MayLeave(Database):
    """A database that fails each transaction while it is `away`."""

    def __init__(self, database: Database) -> None:
        self.away = False
        self._database = database

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        self._fail()
        with self._database.reading() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        self._fail()
        with self._database.transaction() as connection:
            yield connection

    def _fail(self) -> None:
        if self.away:
            raise ServiceUnavailable("Away.")


def test_a_cached_key_needs_no_database(gateway: Gateway) -> None:
    """While a key is cached, only its secret is checked."""
    token = issue(gateway).token
    database = MayLeave(gateway.database)
    authenticate = Authenticate(TrustedKeys(database=database, monotonic=Clock()))
    who = authenticate(f"Bearer {token}")
    database.away = True
    assert authenticate(f"Bearer {token}") == who


def test_the_use_of_a_key_is_noted(gateway: Gateway) -> None:
    """Its owner sees when it was last used, to about a minute."""
    token = issue(gateway).token
    assert rows(gateway, "api_keys")[0]["last_used_at"] is None
    gateway.authenticate(f"Bearer {token}")
    assert rows(gateway, "api_keys")[0]["last_used_at"] is not None


def test_the_secret_is_stored_nowhere(gateway: Gateway) -> None:
    """Reading the whole database yields no usable key."""
    token = issue(gateway).token
    assert token.rpartition("_")[2] not in everything_stored(gateway)


@pytest.mark.parametrize("app", ["", "-x", "Invites", "a b", "x" * 64])
def test_an_application_has_a_plain_name(gateway: Gateway, app: str) -> None:
    """It is half of the scope of suppressions."""
    with pytest.raises(ValidationFailed):
        issue(gateway, app=app)


ASKED_FOR: list[tuple[dict[str, Any], str, str]] = [
    ({"senders": ("@example.org",)}, "/senders", "--sender @example.org"),
    ({"senders": ("@example.com",)}, "/senders", "--sender @example.com"),
    ({"lane": Lane.TRANSACTIONAL}, "/default_lane", "--lane transactional"),
    ({"on_unconfirmed": OnUnconfirmed.RESEND}, "/on_unconfirmed", "--on-unconfirmed resend"),
    ({"reason_optional": False}, "/reason_optional", "--no-reason-optional"),
]


def make_app(gateway: Gateway, **more: Any) -> Issued:
    """Issue a key that makes an application with no setting at its default."""
    asked: dict[str, Any] = {
        "senders": ("News@Example.org", "@EXAMPLE.com"),
        "lane": Lane.BULK,
        "on_unconfirmed": OnUnconfirmed.HOLD,
        "reason_optional": True,
    }
    scopes = frozenset({Scope.EMAILS_SEND})
    return gateway.issue_keys.create(actor="test", app="invites", name="", scopes=scopes, **asked | more)


@pytest.mark.parametrize("asked, pointer, option", ASKED_FOR, ids=[one[2].split()[-1] for one in ASKED_FOR])
def test_a_key_that_would_change_its_application_is_refused(
    gateway: Gateway, asked: dict[str, Any], pointer: str, option: str
) -> None:
    """The refusal names each field and the command that changes it. No key is made; the application stays."""
    first = make_app(gateway)
    before = rows(gateway, "apps"), rows(gateway, "api_keys"), rows(gateway, "audit")
    with pytest.raises(ValidationFailed, match=f"`./postern app set invites {option}`") as refused:
        make_app(gateway, **asked)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [(pointer, "differs")]
    assert (rows(gateway, "apps"), rows(gateway, "api_keys"), rows(gateway, "audit")) == before
    assert Authenticate(TrustedKeys(database=gateway.database))(f"Bearer {first.token}").default_lane == "bulk"


def test_a_second_key_changes_nothing_of_its_application(gateway: Gateway) -> None:
    """A request may leave the application's settings out, or repeat their current values."""
    make_app(gateway)
    before = rows(gateway, "apps")
    scopes = frozenset({Scope.EMAILS_READ})
    silent = gateway.issue_keys.create(actor="test", app="invites", name="two", scopes=scopes)
    alike = make_app(gateway, senders=("@example.com", "news@example.org"))
    assert rows(gateway, "apps") == before
    for key in (silent, alike):
        who = gateway.authenticate(f"Bearer {key.token}")
        assert (who.senders, who.default_lane) == (("news@example.org", "@example.com"), "bulk")
