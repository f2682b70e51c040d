"""From a key, as a client sends it, to a `Caller`, in the same time for right and wrong secrets."""

import hashlib
import hmac
import re
from typing import Final

from app.domain.apps.callers import Caller, Scope, administrator
from app.domain.apps.key_kinds import ID_PATTERN, KeyKind
from app.domain.errors import InvalidApiKey, MissingApiKey, RestrictedApiKey
from app.services.apps.trusted_keys import TrustedKeys
from app.store.apps.keys import ApiKey

KEY_PATTERN: Final = re.compile(rf"(ptn_{ID_PATTERN})_([A-Za-z0-9_-]{{43}})")
_KEY_ID: Final = re.compile(rf"(?:ptn_)?({ID_PATTERN})")
_SECRET: Final = re.compile(rf"(?:ptn_({ID_PATTERN})_)?([A-Za-z0-9_-]{{43}})")
_HOW: Final = "Send the key as `Authorization: Bearer ptn_…`"
_BEARER: Final = re.compile(r"Bearer +(\S{1,200})", re.IGNORECASE)
_LONGEST_ACTOR: Final = 200


class Authenticate:
    """Authenticates API keys by their secrets.

    A key that was revoked, has expired, or is of an application that was archived, is refused within five seconds.
    """

    def __init__(self, keys: TrustedKeys) -> None:
        self._keys = keys

    def __call__(self, authorization: str | None) -> Caller:
        """The caller. Raises `MissingApiKey`, `InvalidApiKey`, `RestrictedApiKey` and `ServiceUnavailable`."""
        if not authorization or not authorization.strip():
            raise MissingApiKey(f"{_HOW}.")
        bearer = _BEARER.fullmatch(authorization.strip())
        if bearer is None:
            raise InvalidApiKey(f"The Authorization header has another form. {_HOW}, with one space before the key.")
        parts = KEY_PATTERN.fullmatch(bearer.group(1))
        if parts is None:
            raise InvalidApiKey("This is not a key of this gateway: its keys are ptn_…, of 60 characters or more.")
        return self._proven(*parts.groups())

    def with_secret(self, key_id: str, secret: str) -> Caller:
        """The caller of a user name and a password, as SMTP's AUTH sends them (RFC 4954); the key opens that door.

        The user name is the id of the key, with or without `ptn_`; the password is its secret, or the whole key.
        Raises `InvalidApiKey`, `RestrictedApiKey` and `ServiceUnavailable`.
        """
        named, given = _KEY_ID.fullmatch(key_id), _SECRET.fullmatch(secret)
        if named is None or given is None or given.group(1) not in {None, named.group(1)}:
            raise InvalidApiKey(
                "The user name is the id of a key, ptn_ and 12 characters or more; the password is its secret, of 43."
            )
        caller = self._proven(f"ptn_{named.group(1)}", given.group(2))
        caller.require(Scope.SMTP)
        return caller

    def _proven(self, access_key_id: str, secret: str) -> Caller:
        key = self._keys.find(access_key_id)
        expected = key.secret_sha256 if key else bytes(32)
        if not hmac.compare_digest(hashlib.sha256(secret.encode()).digest(), expected) or key is None:
            raise InvalidApiKey("The key is not known, or was revoked, or has expired.")
        return caller_of(key)


def caller_of(key: ApiKey) -> Caller:
    """The caller that holds this key. Raises `RestrictedApiKey` if its application is archived."""
    if key.app.archived_at is not None:
        raise RestrictedApiKey("The application of this key is archived, and accepts no requests.")
    return Caller(
        actor=f"key:{key.public_id}",
        app_id=key.app.id,
        app=key.app.name,
        scopes=frozenset(Scope(scope) for scope in key.scopes),
        senders=key.app.senders,
        kind=key.kind,
        team=key.app.team,
        default_lane=key.app.default_lane,
        default_stream=key.app.default_stream,
        limits=None if key.kind is KeyKind.TEST else key.app.limits,
        reason_optional=key.app.reason_optional,
        on_unconfirmed=key.app.on_unconfirmed,
    )


def operator(user: str) -> Caller:
    """The person at the command line of the gateway's own host, who may do everything.

    A name longer than the audit column is cut at its end. A byte of it that is not UTF-8 becomes a `?`.
    """
    name = user.encode(errors="replace").decode()
    return administrator(f"cli:{name}"[:_LONGEST_ACTOR])
