"""The possible outcomes of one call to SES, and what each proves about the email.

It decides the vocabulary between the SES adapter and the delivery service: five outcomes besides success. They differ
in whether the email certainly left, certainly did not leave, or may have left.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """SES answered with a MessageId: it has taken the email."""

    ses_message_id: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Certainly not sent, and no other email is known to be affected: a few more tries, then a person decides.

    SES gave an answer that this version does not know, or the email could not be prepared. `incident` and `subject`
    are the kind and the subject of the incident that an operator sees.
    """

    reason: str
    incident: str = "ses_answer_unknown"
    subject: str = "unknown"


@dataclass(frozen=True, slots=True)
class Throttled:
    """Certainly not sent: SES's send rate was exceeded. It is tried later and slower, and uses up no attempt."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """SES said no to this email for good, in words that are known to be about its own content or addresses."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tripped:
    """Certainly not sent, and other email would not be either: the cause is the network, the account or the set-up.

    `scope` names what has to wait: `ses` (it cannot be reached), `account`, `configuration_set` or `keys` (SECRET_KEYS)
    for every email; `sender:<From domain>` or `stream:<app>/<stream>` for only those emails.
    """

    scope: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The email may have been sent (read timeout, reset after the request began, 5xx, 200 without MessageId)."""

    reason: str


Outcome = Accepted | Retry | Throttled | Refused | Tripped | Ambiguous


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
