"""Requests to `/feedback/sns` that are not stored: each is logged with its reason, and repeated ones raise an incident.

Anyone can post, so one rejection means little, and it must not cost a write. Only when one of our topics is named
several times within minutes is an incident noted, and at most once a minute, however much is posted.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Final

import structlog

from app.domain.errors import PosternError, ServiceUnavailable
from app.domain.feedback.rejections import Reason, is_final
from app.store.engine.database import Database
from app.store.operating import incidents

log = structlog.get_logger()

REFUSED: Final = "feedback_refused"
DOUBTED: Final = "feedback_doubted"
REPEATED: Final = 3
_WITHIN_S: Final = 600.0
_NOTE_EVERY_S: Final = 60.0
_SUMMARY: Final = {
    REFUSED: "Notifications that name this topic were refused for good, so SNS has dropped them",
    DOUBTED: "Notifications that name this topic could not be verified, and SNS tries them again for an hour",
}
# Other checks report it when the database is away, and no incident can be noted then.
_SEEN_ELSEWHERE: Final = frozenset({Reason.NOT_STORED, Reason.NO_TOPIC})
# AWS had signed it, so one is enough: SNS asks few times.
_VERIFIED: Final = frozenset({Reason.NOT_CONFIRMED})


class Rejections:
    """Counts rejections, by topic and by whether they were final. One per process. Thread-safe."""

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._recent: defaultdict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=REPEATED))
        self._noted_at: dict[tuple[str, str], float] = {}

    def report(self, error: PosternError, *, topic_arn: str | None) -> None:
        """Log why a request was not stored. `topic_arn` is the topic of ours that it named, if any.

        The name may be forged: it is not signed, or its signature is what failed.
        """
        reason = error.reason or error.name
        log.warning(
            "notification_rejected",
            status=error.status,
            reason=reason,
            detail=error.detail,
            topic_arn=topic_arn,
            expected=error.expected,
            found=error.found,
        )
        if topic_arn is None or reason in _SEEN_ELSEWHERE or reason not in set(Reason):
            return
        kind = REFUSED if is_final(Reason(reason)) else DOUBTED
        if self._is_due(kind, topic_arn, at_once=reason in _VERIFIED):
            compared = f" Expected: {error.expected}. Found: {error.found}." if error.found else ""
            self._note(kind, topic_arn, f"{_SUMMARY[kind]}. The last one: {error.detail} ({reason}).{compared}")

    def _is_due(self, kind: str, topic_arn: str, *, at_once: bool) -> bool:
        now = self._monotonic()
        with self._lock:
            recent = self._recent[kind, topic_arn]
            recent.append(now)
            is_repeated = at_once or (len(recent) == REPEATED and now - recent[0] <= _WITHIN_S)
            noted_at = self._noted_at.get((kind, topic_arn))
            if not is_repeated or (noted_at is not None and now - noted_at < _NOTE_EVERY_S):
                return False
            self._noted_at[kind, topic_arn] = now
        return True

    def _note(self, kind: str, topic_arn: str, detail: str) -> None:
        try:
            with self._database.transaction() as connection:
                incidents.note(connection, kind=kind, subject=topic_arn, detail=detail)
        except ServiceUnavailable:
            with self._lock:
                self._noted_at.pop((kind, topic_arn), None)
