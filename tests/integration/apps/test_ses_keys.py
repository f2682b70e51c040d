"""Keys of the SES door: their secrets are sealed, follow a rotation, and are deleted once they are of no use."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from botocore.credentials import ReadOnlyCredentials

from app.domain.apps.callers import Caller, Scope
from app.domain.apps.sigv4_claims import Refusal, SignatureRefused
from app.services.apps.authenticate_sigv4 import AuthenticateSigV4
from app.services.apps.issue_keys import Issued
from app.services.apps.trusted_keys import TrustedKeys
from app.services.operating.retention import Retention
from app.store.engine.database import clock
from app.wiring.gateway import Gateway
from tests.support.aws.signing import signed_by_botocore
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import issue
from tests.support.gateway.rows import age, everything_stored, rows

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)

DAY = timedelta(days=1)
DOOR = frozenset({Scope.EMAILS_SEND, Scope.SES})


def call(gateway: Gateway, issued: Issued, *, authenticate: AuthenticateSigV4 | None = None) -> Caller:
    """Return the caller of a request that is signed with this key now."""
    credentials = ReadOnlyCredentials(issued.access_key_id, issued.secret, None)
    with gateway.database.reading() as connection:
        request = signed_by_botocore(credentials, clock(connection), body=b"{}")
    return (authenticate or fresh(gateway))(request)


def fresh(gateway: Gateway, monotonic: Callable[[], float] = lambda: 100.0) -> AuthenticateSigV4:
    """Return what a process that has cached no key does."""
    keys = TrustedKeys(database=gateway.database, monotonic=monotonic)
    return AuthenticateSigV4(keys, key_ring=gateway.authenticate_sigv4._key_ring, clock=lambda: datetime.now(UTC))  # noqa: SLF001 - the ring of this gateway


def is_unknown(gateway: Gateway, issued: Issued) -> bool:
    """Return whether a process that has cached nothing says that it does not know the key."""
    with pytest.raises(SignatureRefused) as refused:
        call(gateway, issued)
    return refused.value.code is Refusal.UNKNOWN_KEY


def test_a_key_with_the_scope_signs_requests(gateway: Gateway) -> None:
    """Its use is noted, and its secret stands nowhere in the clear; without the scope no secret is sealed."""
    issued, other = issue(gateway, scopes=DOOR), issue(gateway, scopes=frozenset({Scope.EMAILS_SEND, Scope.SMTP}))
    assert call(gateway, issued, authenticate=gateway.authenticate_sigv4).actor == f"key:{issued.key.public_id}"
    assert [row["last_used_at"] is not None for row in rows(gateway, "api_keys")] == [True, False]
    assert [row["sealed_key"] is not None for row in rows(gateway, "api_keys")] == [True, False]
    assert issued.secret not in everything_stored(gateway)
    assert is_unknown(gateway, other)


def test_a_rotated_key_has_a_sealed_secret_of_its_own(gateway: Gateway) -> None:
    """Both work while they overlap."""
    old = issue(gateway, scopes=DOOR)
    new = gateway.issue_keys.rotate(ROOT, old.key.public_id)
    assert new.key.scopes == old.key.scopes
    assert call(gateway, old).app == call(gateway, new).app == "invites"


def test_a_revoked_key_is_refused_within_five_seconds_and_its_sealed_secret_deleted(gateway: Gateway) -> None:
    """A process that has used it forgets it; the row has no secret left to open."""
    seconds = [100.0]
    authenticate, issued = fresh(gateway, lambda: seconds[0]), issue(gateway, scopes=DOOR)
    call(gateway, issued, authenticate=authenticate)
    gateway.issue_keys.revoke(ROOT, issued.key.public_id)
    seconds[0] += 5
    with pytest.raises(SignatureRefused) as refused:
        call(gateway, issued, authenticate=authenticate)
    assert refused.value.code is Refusal.UNKNOWN_KEY
    assert [(row["sealed_secret"], row["sealed_key"]) for row in rows(gateway, "api_keys")] == [(None, None)]


def test_an_expired_key_is_refused_and_its_sealed_secret_deleted_by_the_next_sweep(gateway: Gateway) -> None:
    """That of a key which works stays."""
    old, stays = issue(gateway, scopes=DOOR), issue(gateway, scopes=DOOR)
    age(gateway, "api_keys", "expires_at", timedelta(seconds=1), id=old.key.id)
    assert is_unknown(gateway, old)
    Retention(database=gateway.database, body_lasts=DAY, notifications_last=DAY).sweep()
    assert {row["id"]: row["sealed_key"] is None for row in rows(gateway, "api_keys")} == {
        old.key.id: True,
        stays.key.id: False,
    }
