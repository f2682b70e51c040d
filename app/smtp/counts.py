"""What the door counts for the metrics, until it is written to the database."""

from collections import Counter

from app.services.tally import SMTP_MESSAGE, SMTP_MILLISECONDS, SMTP_RECIPIENT, SMTP_SESSION

Tally = Counter[tuple[str, str]]


class Counts:
    """Counts since they were last taken."""

    def __init__(self) -> None:
        self.waiting: Tally = Counter()
        """What was not written yet."""

    def session(self, end: str) -> None:
        """A session is over, or never began."""
        self.waiting[SMTP_SESSION, end] += 1

    def recipient(self, verdict: str) -> None:
        """A recipient was judged."""
        self.waiting[SMTP_RECIPIENT, verdict] += 1

    def message(self, verdict: str, seconds: float | None) -> None:
        """A message was judged, after this many seconds of work, if any."""
        self.waiting[SMTP_MESSAGE, verdict] += 1
        if seconds is not None:
            self.waiting[SMTP_MILLISECONDS, ""] += round(seconds * 1000)

    def take(self) -> Tally:
        """All of it; from now on it begins anew."""
        taken, self.waiting = self.waiting, Counter()
        return taken

    def put_back(self, tally: Tally) -> None:
        """These were not written."""
        self.waiting.update(tally)
