"""What the door counts for the metrics, until it is written to the database."""

from collections import Counter

from app.services.tally import SMTP_MESSAGE, SMTP_MILLISECONDS, SMTP_RECIPIENT, SMTP_SESSION

Tally = Counter[tuple[str, str]]


class Counts:
    """Counts since they were last taken."""

    def __init__(self) -> None:
        self._tally: Tally = Counter()

    def session(self, end: str) -> None:
        """A session is over, or never began."""
        self._tally[SMTP_SESSION, end] += 1

    def recipient(self, verdict: str) -> None:
        """A recipient was judged."""
        self._tally[SMTP_RECIPIENT, verdict] += 1

    def message(self, verdict: str, seconds: float | None) -> None:
        """A message was judged, after this many seconds of work, if any."""
        self._tally[SMTP_MESSAGE, verdict] += 1
        if seconds is not None:
            self._tally[SMTP_MILLISECONDS, ""] += round(seconds * 1000)

    def take(self) -> Tally:
        """All of it; from now on it begins anew."""
        taken, self._tally = self._tally, Counter()
        return taken

    def put_back(self, tally: Tally) -> None:
        """These were not written."""
        self._tally.update(tally)
