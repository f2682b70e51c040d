"""The oracle with tampered evidence: each kind of breach is found, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.sending.state_machine import State
from tests.chaos.load.emails import DoorName
from tests.chaos.verdict.doors import AtDoor, by_door
from tests.chaos.verdict.evidence import Evidence, Listed, Promised, Received, Row, Taken, Try
from tests.chaos.verdict.oracle import SUBSCRIBED, Promise, in_flight_at_suppression, judge

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
CALLED = NOON + timedelta(seconds=1)
ADDRESSES = ("ann@example.net", "bob@example.net")
MAILS = tuple(UUID(int=100 + number) for number in range(2))
RECIPIENTS = tuple(UUID(int=200 + number) for number in range(2))
ATTEMPTS = tuple(UUID(int=300 + number) for number in range(2))
KEYS = ("drill-1", "drill-2")

Tamper = Callable[[Evidence], Evidence]


def row(number: int, **more: object) -> Row:
    given: dict[str, object] = {
        "id": RECIPIENTS[number],
        "email_id": MAILS[number],
        "subject": KEYS[number],
        "address": ADDRESSES[number],
        "key": ADDRESSES[number],
        "scope": "drill/default",
        "state": State.DELIVERED,
        "ses_message_id": f"ses-{number}",
    }
    return Row(**given | more)  # type: ignore[arg-type]


def taken(number: int) -> Taken:
    return Taken(
        at=CALLED,
        address=ADDRESSES[number],
        ses_message_id=f"ses-{number}",
        recipient_id=RECIPIENTS[number],
        attempt_id=ATTEMPTS[number],
    )


def attempt(number: int, outcome: str = "accepted") -> Try:
    return Try(id=ATTEMPTS[number], recipient_id=RECIPIENTS[number], outcome=outcome, started_at=CALLED)


def listed(number: int, *, seen_at: datetime | None, ended_at: datetime | None = None, scope: str = "*") -> Listed:
    return Listed(key=ADDRESSES[number], scope=scope, created_at=NOON, seen_at=seen_at, ended_at=ended_at)


def announced(evidence: Evidence) -> Evidence:
    """The receiver got the event of each recipient's end."""
    ends = [(one.id, SUBSCRIBED[one.state]) for one in evidence.rows if one.state in SUBSCRIBED]
    got = [Received(delivery=f"msg-{one}", type=event, recipient_id=one) for one, event in ends]
    return replace(evidence, received=tuple(got))


@pytest.fixture
def evidence() -> Evidence:
    """Two emails, each promised once, sent once and delivered."""
    return Evidence(
        promised=tuple(
            Promised(key=key, email_id=email, addresses=frozenset({address}))
            for key, email, address in zip(KEYS, MAILS, ADDRESSES, strict=True)
        ),
        answers={key: frozenset({email}) for key, email in zip(KEYS, MAILS, strict=True)},
        offered=dict(zip(KEYS, (DoorName.SES_RAW, DoorName.SMTP), strict=True)),
        rows=(row(0), row(1)),
        tries=(attempt(0), attempt(1)),
        taken=(taken(0), taken(1)),
    )


def broken(evidence: Evidence, *, lossless: bool = True) -> set[Promise]:
    """The promises that the oracle finds broken."""
    return {finding.promise for finding in judge(announced(evidence), lossless=lossless).broken}


def second_row(**more: object) -> Tamper:
    return lambda evidence: replace(evidence, rows=(row(0), row(1, **more)))


def again(*, attempt_id: UUID) -> Tamper:
    """SES took the second email once more."""
    return lambda evidence: replace(evidence, taken=(*evidence.taken, replace(taken(1), attempt_id=attempt_id)))


def never_taken(evidence: Evidence) -> Evidence:
    return replace(evidence, taken=(taken(0),))


def withheld(*rows: Row, **more: object) -> Tamper:
    """The first email is for both, and a door refused the second, who is listed; `rows` are in the database."""
    refusal: dict[str, Any] = {
        "answers": {KEYS[0]: frozenset(MAILS[:1])},
        "listed": (listed(1, seen_at=None),),
        "withheld": {KEYS[0]: frozenset(ADDRESSES[1:])},
    }
    both = Promised(key=KEYS[0], email_id=MAILS[0], addresses=frozenset(ADDRESSES))
    return lambda evidence: replace(evidence, promised=(both,), rows=rows, **refusal | more)


def another_email(evidence: Evidence) -> Evidence:
    """The second email is a second time in the database."""
    other = row(1, id=UUID(int=8), email_id=UUID(int=7), state=State.CANCELED, ses_message_id=None)
    return replace(evidence, rows=(*evidence.rows, other))


OF_BOTH = (row(0), row(1, email_id=MAILS[0], subject=KEYS[0]))


def suppressed_when(seen_at: datetime | None, ended_at: datetime | None = None, scope: str = "*") -> Tamper:
    entry = listed(1, seen_at=seen_at, ended_at=ended_at, scope=scope)
    return lambda evidence: replace(evidence, listed=(entry,))


BREACHES: list[tuple[str, Tamper, set[Promise]]] = [
    ("a promised mail is nowhere", lambda e: replace(e, rows=(row(0),), taken=(taken(0),)), {Promise.LOST}),
    (
        "a recipient of a promised mail is missing",
        lambda e: replace(e, promised=(replace(e.promised[0], addresses=frozenset({*ADDRESSES})), *e.promised[1:])),
        {Promise.LOST},
    ),
    ("a mail is said to be delivered that SES never took", never_taken, {Promise.LOST, Promise.INVARIANT}),
    ("SES took a mail twice, by one attempt", again(attempt_id=ATTEMPTS[1]), {Promise.DUPLICATE_UNFLAGGED}),
    (
        "SES took a mail twice, and it is not marked",
        lambda e: again(attempt_id=UUID(int=9))(replace(e, tries=(*e.tries, replace(attempt(1), id=UUID(int=9))))),
        {Promise.DUPLICATE_UNFLAGGED},
    ),
    (
        "SES took a mail twice, marked as possible",
        lambda e: again(attempt_id=UUID(int=9))(
            replace(
                e,
                tries=(*e.tries, replace(attempt(1), id=UUID(int=9))),
                rows=(row(0), row(1, possible_duplicate=True)),
            )
        ),
        {Promise.DUPLICATE_FLAGGED},
    ),
    (
        "one key was answered with two ids",
        lambda e: replace(e, answers={**e.answers, KEYS[1]: frozenset(MAILS)}),
        {Promise.SUBMITTED_TWICE},
    ),
    (
        "one key became two mails",
        another_email,
        {Promise.SUBMITTED_TWICE},
    ),
    ("a mail came from nowhere", lambda e: replace(e, offered={KEYS[0]: DoorName.API}), {Promise.INVARIANT}),
    ("a mail was refused", lambda e: replace(e, refused=(KEYS[1],)), {Promise.INVARIANT}),
    ("a recipient was withheld who was never suppressed", withheld(row(0), listed=()), {Promise.LOST}),
    ("a recipient was refused in every offer and is in the database", withheld(*OF_BOTH), {Promise.INVARIANT}),
    ("a call began after the suppression", suppressed_when(NOON), {Promise.SENT_AFTER_SUPPRESSION}),
    (
        "a call began between suppression and removal",
        suppressed_when(NOON, NOON + timedelta(minutes=1)),
        {Promise.SENT_AFTER_SUPPRESSION},
    ),
    (
        "a call began after the suppression of its stream",
        suppressed_when(NOON, scope="drill/default"),
        {Promise.SENT_AFTER_SUPPRESSION},
    ),
    (
        "SES has a mail that failed",
        second_row(state=State.FAILED, ses_message_id=None, reason="SES refused the email: MessageRejected"),
        {Promise.LEDGER_MINUS_DATABASE},
    ),
    (
        "a mail failed that SES never refused",
        lambda e: never_taken(
            replace(
                e,
                rows=(row(0), row(1, state=State.FAILED, ses_message_id=None)),
                tries=(attempt(0), attempt(1, "not_sent")),
            )
        ),
        {Promise.LOST},
    ),
    (
        "a mail failed for a key that a process lacked",
        lambda e: never_taken(
            replace(
                e,
                rows=(row(0), row(1, state=State.FAILED, ses_message_id=None, reason="The body cannot be read.")),
                tries=(attempt(0), attempt(1, "rejected")),
            )
        ),
        {Promise.LOST},
    ),
    (
        "SES has a mail that was canceled",
        second_row(state=State.CANCELED, ses_message_id=None),
        {Promise.LEDGER_MINUS_DATABASE},
    ),
    (
        "SES took an attempt that is said not to have been sent",
        lambda e: replace(e, tries=(attempt(0), attempt(1, "not_sent"))),
        {Promise.INVARIANT},
    ),
    ("a mail still waits", second_row(state=State.UNCONFIRMED), {Promise.UNSETTLED, Promise.LEDGER_MINUS_DATABASE}),
    (
        "a mail is held without a reason",
        second_row(state=State.HELD),
        {Promise.UNSETTLED, Promise.LEDGER_MINUS_DATABASE},
    ),
    ("notifications are left", lambda e: replace(e, unread=1), {Promise.UNSETTLED}),
    ("a lease is left", second_row(leased=True), {Promise.INVARIANT}),
    ("a bounce suppressed no address", lambda e: replace(e, blamed=frozenset(ADDRESSES[:1])), {Promise.INVARIANT}),
]

INNOCENT: list[tuple[str, Tamper]] = [
    ("nothing happened", lambda e: e),
    ("the suppression was seen only after the call", suppressed_when(CALLED + timedelta(milliseconds=1))),
    ("the suppression was never seen", suppressed_when(None)),
    ("the suppression was lifted before", suppressed_when(NOON, CALLED)),
    ("the suppression is of another stream", suppressed_when(NOON, scope="drill/other")),
    ("a suppressed recipient was withheld, and the other got it", withheld(row(0))),
    (
        "a recipient was withheld after an offer that was accepted without an answer",
        withheld(*OF_BOTH, unanswered={KEYS[0]: frozenset(ADDRESSES)}),
    ),
    ("SES took it and rejected it afterwards", second_row(state=State.FAILED)),
    (
        "SES refused it",
        lambda e: never_taken(
            replace(
                e,
                rows=(row(0), row(1, state=State.FAILED, ses_message_id=None, reason="SES refused the email: no")),
                tries=(attempt(0), attempt(1, "rejected")),
            )
        ),
    ),
    (
        "a held mail waits for a person, as it was asked to",
        lambda e: never_taken(
            replace(
                e,
                rows=(row(0), row(1, state=State.HELD, on_unconfirmed="hold", ses_message_id=None)),
                tries=(attempt(0), attempt(1, "unknown")),
            )
        ),
    ),
    (
        "a blamed address was listed",
        lambda e: replace(e, blamed=frozenset(ADDRESSES[:1]), listed=(listed(0, seen_at=None),)),
    ),
]


@pytest.mark.parametrize("tamper, found", [breach[1:] for breach in BREACHES], ids=[one[0] for one in BREACHES])
def test_every_breach_is_found(evidence: Evidence, tamper: Tamper, found: set[Promise]) -> None:
    """Each promise that the evidence shows to be broken, and no other, with a line of explanation."""
    tampered = tamper(evidence)
    assert broken(tampered) == found
    assert all(finding.what for finding in judge(announced(tampered), lossless=True).findings)


@pytest.mark.parametrize("tamper", [one[1] for one in INNOCENT], ids=[one[0] for one in INNOCENT])
def test_no_false_breach_is_reported(evidence: Evidence, tamper: Tamper) -> None:
    """Evidence that only looks like a breach is none."""
    assert broken(tamper(evidence)) == set()


def test_an_email_on_its_way_is_no_breach(evidence: Evidence) -> None:
    """An email claimed before its address was suppressed is no breach, but SES's delay in taking it is measured."""
    late = replace(evidence, taken=(taken(0), replace(taken(1), at=CALLED + timedelta(seconds=3))))
    suppressed = suppressed_when(CALLED + timedelta(seconds=1))(late)
    assert broken(suppressed) == set()
    assert in_flight_at_suppression(suppressed) == [timedelta(seconds=2)]


def test_lost_events_excuse_only_their_own_effects(evidence: Evidence) -> None:
    """Without its event an email may stay unconfirmed, or come twice marked as such; nothing else is excused."""
    assert broken(second_row(state=State.UNCONFIRMED)(evidence), lossless=False) == set()
    twice = again(attempt_id=UUID(int=9))
    assert broken(twice(second_row(possible_duplicate=True)(evidence)), lossless=False) == set()
    assert broken(twice(evidence), lossless=False) == {Promise.DUPLICATE_UNFLAGGED}


def test_each_door_has_its_counts(evidence: Evidence) -> None:
    """How many emails a door accepted, lost the answer of, recognised at the next offer, and submitted twice."""
    repeated = another_email(replace(evidence, cut_off=frozenset(KEYS), recognised=frozenset(KEYS[:1])))
    doors = by_door(repeated, judge(repeated, lossless=True))
    assert doors[DoorName.SES_RAW] == AtDoor(accepted=1, cut_off=1, recognised=1, submitted_twice=0)
    assert doors[DoorName.SMTP] == AtDoor(accepted=1, cut_off=1, recognised=0, submitted_twice=1)
    assert doors[DoorName.API] == AtDoor(accepted=0, cut_off=0, recognised=0, submitted_twice=0)


def test_an_end_that_the_application_never_learned_is_found(evidence: Evidence) -> None:
    """Another event of the same recipient does not make up for it."""
    first, second = announced(evidence).received
    for got in ((first,), (first, replace(second, type="email.bounced"))):
        (finding,) = judge(replace(evidence, received=got), lossless=True).findings
        assert (finding.promise, finding.subject) == (Promise.UNTOLD, str(RECIPIENTS[1]))


def test_an_event_that_comes_twice_keeps_its_id(evidence: Evidence) -> None:
    """A receiver knows a repeated delivery by it."""
    first, second = announced(evidence).received
    twice = replace(evidence, received=(first, second, second))
    assert judge(twice, lossless=True).findings == ()
    other = replace(evidence, received=(first, second, replace(second, delivery="another")))
    assert {finding.promise for finding in judge(other, lossless=True).findings} == {Promise.INVARIANT}
