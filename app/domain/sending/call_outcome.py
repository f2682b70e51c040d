"""What one call to SES can come to, and what each outcome proves about the mail.

It decides the vocabulary between the SES adapter and the delivery service: five outcomes besides success, told apart
by whether the mail certainly left, certainly did not leave, or may have.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """SES answered with a MessageId: the mail is SES's now."""

    ses_message_id: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Certainly not sent, for a cause of the moment (DNS, refused, connect timeout, TLS): the same mail again later."""

    reason: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """Certainly not sent: SES's send rate was exceeded. Later, slower, and no attempt is burned."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """SES said no to this mail for good."""

    reason: str


@dataclass(frozen=True, slots=True)
class Paused:
    """Certainly not sent, and no other mail would be: the cause lies with the account, the set-up or the sender.

    `scope` names what has to wait: `account`, or `sender:<From domain>` when only that sender is affected.
    """

    scope: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The mail may have been sent (read timeout, reset after the request began, 5xx, 200 without MessageId)."""

    reason: str


Outcome = Accepted | Retry | Throttled | Refused | Paused | Ambiguous


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One call to SES: one recipient, the whole message, and the tags that come back in every event.

    `raw` is the MIME message as sent, without Bcc. `recipient` is the envelope address, in the case it was given.
    `tags` are at most a handful of names and values of `[A-Za-z0-9_-]`.
    """

    sender: str
    recipient: str
    raw: bytes
    tags: tuple[tuple[str, str], ...]
