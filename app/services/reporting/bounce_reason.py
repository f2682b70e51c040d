"""Why an email was not delivered, in one sentence, from all bounces and complaints stored for it."""

from collections.abc import Callable, Sequence
from datetime import datetime

from app.domain.feedback.bounce_causes import IN_PLAIN_WORDS, BounceCause
from app.domain.feedback.events import Bounce, BounceType
from app.domain.suppression.rules import complaint_in_words
from app.store.feedback.events import Failure

_NO_BOUNCE = frozenset({BounceCause.AUTO_REPLY, BounceCause.STILL_TRYING, BounceCause.UNKNOWN})


def most_informative_reason(
    failures: Sequence[Failure], cause_of: Callable[[Bounce], BounceCause]
) -> tuple[str | None, BounceCause | None]:
    """What the server replied in the latest failure, and its cause; a permanent one comes before any other.

    Where no server replied, usually because SES did not send the email, it is the meaning of the event in plain words.
    None when no failure was final.
    """
    reasons = [reason for failure in failures if (reason := _reason(failure, cause_of)) is not None]
    return max(reasons)[-2:] if reasons else (None, None)


def _reason(
    failure: Failure, cause_of: Callable[[Bounce], BounceCause]
) -> tuple[bool, bool, datetime, str, BounceCause] | None:
    bounce, complaint = failure.bounce, failure.complaint
    if complaint is not None and complaint.was_not_sent:
        return (True, False, failure.occurred_at, complaint_in_words(complaint), BounceCause.SES_LIST)
    if bounce is None or (cause := cause_of(bounce)) in _NO_BOUNCE:
        return None
    words = bounce.diagnostic or IN_PLAIN_WORDS[cause]
    return (bounce.type is BounceType.PERMANENT, bool(bounce.diagnostic), failure.occurred_at, words, cause)
