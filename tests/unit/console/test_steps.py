"""The timeline of an email as its page draws it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.feedback.events import EventType
from app.domain.sending.state_machine import ENDED_UNSENT, State
from app.services.submission.timeline import TimelineEntry
from app.store.sending.attempts import AttemptOutcome
from app.web.console.submission.steps import steps_of

BEGAN = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)
ANN, BOB = UUID(int=1), UUID(int=2)


def entry(kind: str, *, at: datetime = BEGAN, who: UUID = ANN, **more: Any) -> TimelineEntry:
    given: dict[str, Any] = {"detail": "It happened.", "effect": "", "data": {}} | more
    return TimelineEntry(at=at, type=kind, recipient="ann@example.net", recipient_id=who, **given)


def names(*entries: TimelineEntry) -> list[str]:
    return [step.name for step in steps_of(entries)[ANN]]


def test_each_recipient_has_its_own_steps() -> None:
    """Those of another recipient are not among them."""
    steps = steps_of([entry("accepted"), entry("accepted", who=BOB), entry("delivery", who=BOB)])
    assert {who: [step.name for step in found] for who, found in steps.items()} == {
        ANN: ["Accepted"],
        BOB: ["Accepted", "Delivered"],
    }


@pytest.mark.parametrize("outcome", sorted(set(AttemptOutcome) - {AttemptOutcome.CALLING}))
def test_a_call_has_a_beginning_and_an_answer(outcome: str) -> None:
    """Each with its own time, and what happened between them stands between them."""
    answered = BEGAN + timedelta(seconds=2)
    call = entry("attempt", data={"outcome": outcome}, ended_at=answered)
    event = entry("send", at=BEGAN + timedelta(seconds=1))
    steps = steps_of([call, event])[ANN]
    assert [step.at for step in steps] == [BEGAN, event.at, answered]
    assert steps[0].name == "Given to SES"
    assert steps[2].detail == "It happened."


def test_a_call_under_way_has_no_answer() -> None:
    """Nor has one whose worker died before it knew."""
    assert names(entry("attempt", data={"outcome": "calling"})) == ["Given to SES"]


@pytest.mark.parametrize("kind", [*EventType, *sorted(ENDED_UNSENT - {State.FAILED}), "accepted", "of a later version"])
def test_whatever_happens_has_a_name(kind: str) -> None:
    """So has an event of a type that this version does not know."""
    (name,) = names(entry(kind))
    assert name
    assert (name == "Another event") == (kind in {"unknown", "of a later version"})


@pytest.mark.parametrize(
    "seconds, words",
    [
        (0, ""),
        (0.21, "0.21 s"),
        (9.9, "9.9 s"),
        (42, "42 s"),
        (119, "119 s"),
        (720, "12 min"),
        (7_199, "120 min"),
        (10_800, "3 h"),
        (259_200, "3 days"),
    ],
)
def test_a_step_says_how_long_it_took(seconds: float, words: str) -> None:
    """In one number, since the step before."""
    steps = steps_of([entry("accepted"), entry("delivery", at=BEGAN + timedelta(seconds=seconds))])[ANN]
    assert [step.after for step in steps] == ["", words]


def test_facts_are_texts() -> None:
    """So that addresses in them are masked where a person may see none; what is empty is left out."""
    data = {"ses_message_id": "m-1", "recipients": ["ann@example.net"], "action": None, "counts": 0}
    (step,) = steps_of([entry("bounce", data=data)])[ANN]
    assert step.facts == (("ses message id", "m-1"), ("recipients", '["ann@example.net"]'), ("counts", "0"))
