"""How many emails per second the account may send: from a setting, or from SES, asked once a minute."""

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from app.aws.ses.account import Quota, SesAccount
from app.domain.errors import ServiceUnavailable

log = structlog.get_logger()

_ASK_EVERY_S: Final = 60.0
_ASK_AGAIN_S: Final = 5.0
# The rate of the smallest account, used until SES has answered once.
_CAUTIOUS: Final = 1.0


class AccountRate:
    """The rate, in emails per second."""

    def __init__(
        self,
        *,
        account: SesAccount,
        note: Callable[[Quota], None],
        fixed: float | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`note` keeps what SES said, for people."""
        self._account = account
        self._note = note
        self._fixed = fixed
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._rate = _CAUTIOUS
        self._ask_at = 0.0

    def __call__(self) -> float:
        """The current rate. While SES cannot be reached, the last known rate stands."""
        if self._fixed is not None:
            return self._fixed
        with self._lock:
            if self._monotonic() >= self._ask_at:
                self._ask()
            return self._rate

    def _ask(self) -> None:
        try:
            quota = self._account.quota()
            self._rate = max(quota.max_send_rate, _CAUTIOUS)
            self._ask_at = self._monotonic() + _ASK_EVERY_S
            self._note(quota)
        except ServiceUnavailable as error:
            self._ask_at = self._monotonic() + _ASK_AGAIN_S
            log.warning("quota_unknown", rate=self._rate, reason=error.detail)
