"""The latest accepted emails, kept whole in memory so that they can be viewed, and get further events, later."""

from collections import OrderedDict
from dataclasses import dataclass, field

from simulator.ses.accepted_email import AcceptedEmail

MAX_EMAILS = 2000
MAX_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class Received:
    """An email and its fates so far, per recipient, in order."""

    email: AcceptedEmail
    fates: dict[str, list[str]] = field(default_factory=dict)


class Inbox:
    """Emails by SES message id, oldest first; the oldest are dropped when there are too many."""

    def __init__(self) -> None:
        self._received: OrderedDict[str, Received] = OrderedDict()
        self._bytes = 0

    def put(self, email: AcceptedEmail) -> None:
        """Keep an email."""
        self._received[email.ses_message_id] = Received(email)
        self._bytes += email.size()
        while len(self._received) > MAX_EMAILS or (self._bytes > MAX_BYTES and len(self._received) > 1):
            _, oldest = self._received.popitem(last=False)
            self._bytes -= oldest.email.size()

    def get(self, ses_message_id: str) -> Received | None:
        """Return an email, None when it was never here or has been dropped."""
        return self._received.get(ses_message_id)

    def latest(self, limit: int) -> list[Received]:
        """Return the latest emails, latest first."""
        return list(self._received.values())[: -limit - 1 : -1]

    def note(self, ses_message_id: str, recipients: tuple[str, ...], fate: str) -> None:
        """Add a fate to some recipients of an email, if it is still here."""
        received = self._received.get(ses_message_id)
        if received is not None:
            for recipient in recipients:
                received.fates.setdefault(recipient, []).append(fate)
