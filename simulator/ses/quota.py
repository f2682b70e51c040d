"""The limits of an account: recipients per second and per rolling day.

The caller passes the time, in seconds of any monotonic clock.
https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html
"""

from collections import deque

DAY_SECONDS = 24 * 3600.0
BUCKET_SECONDS = 60.0
ROUNDING = 1e-6


class SendRate:
    """SES's credit model: a call passes while credit for one recipient is left, and may go into debt for the others.

    At most one second's worth of credit is saved up, so a burst of that size passes.
    """

    def __init__(self, per_second: float, now: float) -> None:
        self.per_second = per_second
        self._credit = max(per_second, 1.0)
        self._as_of = now

    def take(self, recipients: int, now: float) -> bool:
        """Take the credit for one call; return False, and take nothing, when none is left."""
        ceiling = max(self.per_second, 1.0)
        self._credit = min(ceiling, self._credit + (now - self._as_of) * self.per_second)
        self._as_of = now
        if self._credit < 1 - ROUNDING:
            return False
        self._credit -= recipients
        return True


class DailyQuota:
    """Recipients of the last 24 hours, counted by the minute; a ceiling of -1 means no limit."""

    def __init__(self, ceiling: float) -> None:
        self.ceiling = ceiling
        self._minutes: deque[tuple[float, int]] = deque()
        self._sent = 0

    def sent(self, now: float) -> int:
        """Return the number of recipients in the last 24 hours."""
        while self._minutes and self._minutes[0][0] <= now - DAY_SECONDS:
            self._sent -= self._minutes.popleft()[1]
        return self._sent

    def take(self, recipients: int, now: float) -> bool:
        """Count the recipients of one call; return False, and count nothing, when they exceed the quota."""
        if self.ceiling >= 0 and self.sent(now) + recipients > self.ceiling:
            return False
        minute = now - now % BUCKET_SECONDS
        if self._minutes and self._minutes[-1][0] == minute:
            recipients_before = self._minutes.pop()[1]
            self._minutes.append((minute, recipients_before + recipients))
        else:
            self._minutes.append((minute, recipients))
        self._sent += recipients
        return True
