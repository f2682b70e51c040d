"""From an `Authorization` header to a `Caller`, in the same time for right and wrong secrets."""

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from app.domain.apps.callers import Caller, Scope, administrator
from app.domain.errors import InvalidApiKey, MissingApiKey, RestrictedApiKey, ServiceUnavailable
from app.store.apps import keys
from app.store.apps.keys import ApiKey
from app.store.engine.database import Database, clock

log = structlog.get_logger()

KEY_PATTERN: Final = re.compile(r"ptn_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")
_HOW: Final = "Send the key as `Authorization: Bearer ptn_…`"
_BEARER: Final = re.compile(r"Bearer +(\S{1,200})", re.IGNORECASE)
_TRUSTED_FOR_S: Final = 4.0
_TOUCH_EVERY: Final = timedelta(minutes=1)
_CACHED_AT_MOST: Final = 1000
_LONGEST_ACTOR: Final = 200


class Authenticate:
    """Authenticates API keys.

    A key that was revoked, has expired, or is of an application that was archived, is refused within five seconds.
    """

    def __init__(self, *, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._trusted: dict[str, tuple[float, ApiKey]] = {}

    def __call__(self, authorization: str | None) -> Caller:
        """The caller. Raises `MissingApiKey`, `InvalidApiKey`, `RestrictedApiKey` and `ServiceUnavailable`."""
        if not authorization or not authorization.strip():
            raise MissingApiKey(f"{_HOW}.")
        bearer = _BEARER.fullmatch(authorization.strip())
        if bearer is None:
            raise InvalidApiKey(f"The Authorization header has another form. {_HOW}, with one space before the key.")
        parts = KEY_PATTERN.fullmatch(bearer.group(1))
        if parts is None:
            raise InvalidApiKey("This is not a key of this gateway: its keys are ptn_…, of 60 characters.")
        public_id, secret = parts.groups()
        key = self._find(public_id)
        expected = key.secret_sha256 if key else bytes(32)
        if not hmac.compare_digest(hashlib.sha256(secret.encode()).digest(), expected) or key is None:
            raise InvalidApiKey("The key is not known, or was revoked, or has expired.")
        if key.app.archived_at is not None:
            raise RestrictedApiKey("The application of this key is archived, and accepts no requests.")
        return caller_of(key)

    def _find(self, public_id: str) -> ApiKey | None:
        trusted = self._trusted.get(public_id)
        if trusted and trusted[0] > self._monotonic():
            return trusted[1]
        with self._database.reading() as connection:
            key = keys.find_valid(connection, public_id)
            now = clock(connection)
        if key is None:
            self._trusted.pop(public_id, None)
            return None
        if len(self._trusted) >= _CACHED_AT_MOST:
            self._trusted.clear()
        self._trusted[public_id] = (self._monotonic() + _TRUSTED_FOR_S, key)
        self._touch(key, now)
        return key

    def _touch(self, key: ApiKey, now: datetime) -> None:
        """Note the use, about once a minute. If the database is too busy, the request still succeeds."""
        if key.last_used_at is not None and now - key.last_used_at < _TOUCH_EVERY:
            return
        try:
            with self._database.transaction() as connection:
                keys.touch(connection, key.id)
        except ServiceUnavailable:
            log.warning("key_use_not_noted", key=key.public_id)


def caller_of(key: ApiKey) -> Caller:
    """The caller that holds this key."""
    return Caller(
        actor=f"key:{key.public_id}",
        app_id=key.app.id,
        app=key.app.name,
        scopes=frozenset(Scope(scope) for scope in key.scopes),
        senders=key.app.senders,
        default_lane=key.app.default_lane,
        default_stream=key.app.default_stream,
        limits=key.app.limits,
        reason_optional=key.app.reason_optional,
        on_unconfirmed=key.app.on_unconfirmed,
    )


def operator(user: str) -> Caller:
    """The person at the command line of the gateway's own host, who may do everything.

    A name longer than the audit column is cut at its end. A byte of it that is not UTF-8 becomes a `?`.
    """
    name = user.encode(errors="replace").decode()
    return administrator(f"cli:{name}"[:_LONGEST_ACTOR])
