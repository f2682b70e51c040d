"""What SES said last about the account: what it may send, and how much of that is used."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

import structlog

from app.aws.ses.account import Quota
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import ServiceUnavailable
from app.store.engine.database import Database, clock
from app.store.operating import job_cursors

__all__ = ["LastQuota", "Quota", "SeenQuota"]

log = structlog.get_logger()

_ROW: Final = "ses_quota"
_REASONS: Final = "suppressed_reasons"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenQuota:
    """A quota, and when SES said it."""

    at: datetime
    quota: Quota


class LastQuota:
    """Keeps the last one that a worker has asked for, so that a page can show it without a call to SES."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def note(self, quota: Quota) -> None:
        """Keep this one. A database that is away does not stop the caller."""
        stored = asdict(quota) | {_REASONS: sorted(quota.suppressed_reasons)}
        try:
            with self._database.transaction() as connection:
                job_cursors.lock(connection, _ROW)
                job_cursors.write(connection, _ROW, {"at": clock(connection).isoformat(), "quota": stored})
        except ServiceUnavailable as error:
            log.info("quota_not_noted", reason=error.detail)

    def read(self, caller: Caller) -> SeenQuota | None:
        """The last one; None if no worker has asked yet. It is for admins."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            stored = job_cursors.read(connection, _ROW)
        if not stored:
            return None
        quota = stored["quota"] | {_REASONS: frozenset(stored["quota"][_REASONS])}
        return SeenQuota(at=datetime.fromisoformat(stored["at"]), quota=Quota(**quota))
