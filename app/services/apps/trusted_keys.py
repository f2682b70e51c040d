"""Keys that work, by their public halves, trusted for a few seconds so that few requests ask the database."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from app.domain.apps.key_kinds import public_half
from app.domain.errors import ServiceUnavailable
from app.store.apps import keys
from app.store.apps.keys import ApiKey
from app.store.engine.database import Database, clock

log = structlog.get_logger()

_TRUSTED_FOR_S: Final = 4.0
_TOUCH_EVERY: Final = timedelta(minutes=1)
_CACHED_AT_MOST: Final = 1000


class TrustedKeys:
    """Finds keys and notes their use. A key that was revoked or has expired is found for five seconds at most."""

    def __init__(self, *, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._trusted: dict[str, tuple[float, ApiKey]] = {}

    def find(self, access_key_id: str) -> ApiKey | None:
        """The key of this id, unless it is revoked or expired. Under another kind than its own there is none.

        Raises `ServiceUnavailable`.
        """
        key = self._working(public_half(access_key_id))
        return key if key is not None and key.access_key_id == access_key_id else None

    def _working(self, public_id: str) -> ApiKey | None:
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
