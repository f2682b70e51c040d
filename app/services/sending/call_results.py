"""The result for one claimed email, called or not, and its note in the flight recorder."""

from dataclasses import MISSING, astuple, dataclass, fields

from app.domain.sending.call_outcome import Accepted, Ambiguous, Outcome, Refused, Retry, Throttled, Tripped
from app.store.sending.claims import OpenAttempt
from app.store.sending.flight_recorder import RecordedAnswer


@dataclass(frozen=True, slots=True)
class NotCalled:
    """SES was not called, and the email goes back to the queue; `reason` in plain words."""

    reason: str


@dataclass(frozen=True, slots=True)
class FoundSuppressed:
    """SES was not called: the last look found the address suppressed."""

    origin: str


Result = Accepted | Retry | Throttled | Refused | Tripped | Ambiguous | NotCalled | FoundSuppressed
_NOTED = {kind.__name__.lower(): kind for kind in (Accepted, Retry, Throttled, Refused, Tripped, Ambiguous)}
_NOTED["paused"] = Tripped  # as versions up to 0.1.0 wrote it


def noted(outcome: Outcome) -> RecordedAnswer:
    """The outcome as the flight recorder keeps it."""
    return RecordedAnswer(type(outcome).__name__.lower(), astuple(outcome))


def recalled(answer: RecordedAnswer) -> Outcome:
    """The noted outcome; `Ambiguous` for a note that this version did not write."""
    kind = _NOTED.get(answer.kind)
    if kind is None or not _needed(kind) <= len(answer.texts) <= len(fields(kind)) or not all(answer.texts):
        return Ambiguous("The worker noted an answer of SES that this version does not know.")
    return kind(*answer.texts)


def _needed(kind: type[Outcome]) -> int:
    """How many texts a note of this kind has at least. An earlier version may have written fewer."""
    return sum(one.default is MISSING for one in fields(kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result for one claimed email."""

    attempt: OpenAttempt
    result: Result
