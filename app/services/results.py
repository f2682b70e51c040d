"""What one claimed mail came to, called or not; and the same as a note in the flight recorder."""

from dataclasses import astuple, dataclass, fields

from app.domain.outcome import Accepted, Ambiguous, Outcome, Paused, Refused, Retry, Throttled
from app.store.flight import Answer


@dataclass(frozen=True, slots=True)
class NotCalled:
    """SES was not called, and the mail goes back to the queue; `reason` in plain words."""

    reason: str


@dataclass(frozen=True, slots=True)
class FoundSuppressed:
    """SES was not called: the last look found the address suppressed."""

    origin: str


Result = Accepted | Retry | Throttled | Refused | Paused | Ambiguous | NotCalled | FoundSuppressed
_NOTED = {kind.__name__.lower(): kind for kind in (Accepted, Retry, Throttled, Refused, Paused, Ambiguous)}


def noted(outcome: Outcome) -> Answer:
    """The outcome as the flight recorder keeps it."""
    return Answer(type(outcome).__name__.lower(), astuple(outcome))


def recalled(answer: Answer) -> Outcome:
    """The outcome that was noted; *unknown* for a note that this version did not write."""
    kind = _NOTED.get(answer.kind)
    if kind is None or len(answer.texts) != len(fields(kind)) or not all(answer.texts):
        return Ambiguous("The worker noted an answer of SES that this version does not know.")
    return kind(*answer.texts)
