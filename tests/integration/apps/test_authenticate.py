"""Whose key is this: found by its public half, proven by its secret, refused soon after it was revoked."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.callers import Scope
from app.domain.errors import InvalidApiKey, MissingApiKey, NotFound, ValidationFailed
from app.services.authenticate import Authenticate
from app.store.db import Database
from app.wiring import Gateway
from tests.gateways import issue
from tests.rows import age, everything_stored, rows


class Clock:
    """Seconds that pass when the test says so."""

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
def test_no_key_is_missing(gateway: Gateway, header: str | None) -> None:
    """An empty header is no attempt."""
    with pytest.raises(MissingApiKey):
        gateway.authenticate(header)


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Basic abc", "ptn_abcdefghijkl_x", f"Bearer ptn_abcdefghijkl_{43 * 'A'}", "a b"]
)
def test_what_is_no_key_is_refused(gateway: Gateway, header: str) -> None:
    """Malformed and unknown alike, without a word about which."""
    with pytest.raises(InvalidApiKey):
        gateway.authenticate(header)


def test_a_wrong_secret_is_refused(gateway: Gateway) -> None:
    """The public half opens nothing, also when the key is known already."""
    token = issue(gateway).token
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    for _ in range(2):
        with pytest.raises(InvalidApiKey):
            gateway.authenticate(f"Bearer {wrong}")
        gateway.authenticate(f"Bearer {token}")


def test_a_revoked_key_is_refused_within_five_seconds(gateway: Gateway) -> None:
    """A key that was seen is trusted for a moment, and no longer."""
    clock = Clock()
    authenticate = Authenticate(database=gateway.database, monotonic=clock)
    issued = issue(gateway)
    authenticate(f"Bearer {issued.token}")
    gateway.issue_keys.revoke(issued.token, actor="test")
    clock.now += 5
    with pytest.raises(InvalidApiKey):
        authenticate(f"Bearer {issued.token}")
    with pytest.raises(NotFound):
        gateway.issue_keys.revoke(issued.key.public_id, actor="test")


def test_an_expired_key_is_refused(gateway: Gateway) -> None:
    """By the database's clock."""
    issued = issue(gateway)
    age(gateway, "api_keys", "expires_at", timedelta(seconds=1))
    with pytest.raises(InvalidApiKey):
        gateway.authenticate(f"Bearer {issued.token}")


def test_a_known_key_needs_no_database(gateway: Gateway) -> None:
    """Within its moment of trust a key is checked by its secret alone."""
    token = issue(gateway).token
    authenticate = Authenticate(database=gateway.database, monotonic=Clock())
    who = authenticate(f"Bearer {token}")
    authenticate._database = Database("sqlite:////nowhere/at/all.db")
    assert authenticate(f"Bearer {token}") == who


def test_the_use_of_a_key_is_noted(gateway: Gateway) -> None:
    """Its owner sees when it was last used, to about a minute."""
    token = issue(gateway).token
    assert rows(gateway, "api_keys")[0]["last_used_at"] is None
    gateway.authenticate(f"Bearer {token}")
    assert rows(gateway, "api_keys")[0]["last_used_at"] is not None


def test_the_secret_is_nowhere_stored(gateway: Gateway) -> None:
    """Whoever reads the whole database can use no key."""
    token = issue(gateway).token
    assert token.rpartition("_")[2] not in everything_stored(gateway)


@pytest.mark.parametrize("app", ["", "-x", "Invites", "a b", "x" * 64])
def test_an_application_has_a_plain_name(gateway: Gateway, app: str) -> None:
    """It is half of the scope of suppressions."""
    with pytest.raises(ValidationFailed):
        issue(gateway, app=app)


def test_a_second_key_keeps_or_replaces_the_senders(gateway: Gateway) -> None:
    """Senders belong to the application: a key without any leaves them, a key with some replaces them."""
    first = issue(gateway, senders=("@example.com",))
    gateway.issue_keys.create(actor="test", app="invites", name="two", scopes=frozenset({Scope.EMAILS_SEND}))
    assert gateway.authenticate(f"Bearer {first.token}").senders == ("@example.com",)
    issue(gateway, senders=("News@Example.org", "@EXAMPLE.net"))
    fresh = Authenticate(database=gateway.database)
    assert fresh(f"Bearer {first.token}").senders == ("news@example.org", "@example.net")
    assert replace(fresh(f"Bearer {first.token}"), senders=()).senders == ()
