"""The latest accepted mails, kept whole in memory so that they can be looked at and reported on later."""

from collections import OrderedDict
from dataclasses import dataclass, field

from simulator.mail import Mail

MAX_MAILS = 2000
MAX_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class Received:
    """A mail and what has happened to it so far, per recipient, in order."""

    mail: Mail
    fates: dict[str, list[str]] = field(default_factory=dict)


class Inbox:
    """Mails by SES message id, oldest first; the oldest give way."""

    def __init__(self) -> None:
        self._received: OrderedDict[str, Received] = OrderedDict()
        self._bytes = 0

    def put(self, mail: Mail) -> None:
        """Keep a mail."""
        self._received[mail.ses_message_id] = Received(mail)
        self._bytes += mail.size()
        while len(self._received) > MAX_MAILS or (self._bytes > MAX_BYTES and len(self._received) > 1):
            _, oldest = self._received.popitem(last=False)
            self._bytes -= oldest.mail.size()

    def get(self, ses_message_id: str) -> Received | None:
        """Return a mail, None when it was never here or has given way."""
        return self._received.get(ses_message_id)

    def latest(self, limit: int) -> list[Received]:
        """Return the latest mails, latest first."""
        return list(self._received.values())[: -limit - 1 : -1]

    def note(self, ses_message_id: str, recipients: tuple[str, ...], fate: str) -> None:
        """Remember what happened to some recipients."""
        received = self._received.get(ses_message_id)
        if received is not None:
            for recipient in recipients:
                received.fates.setdefault(recipient, []).append(fate)
