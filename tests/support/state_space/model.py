"""The steps that are possible in a small world around the rules of delivery.

Every decision is made by the code of the product: `advance` and `decide`, `verdict`, `rule`, `events_of`, `outlived_by`
and `Record`'s reading of an outcome. Around them workers stall and die, SES accepts emails without an answer, and
events come in any order, repeatedly or never. `Rules` holds the guards that are SQL or threads in the product, so that
a test can leave out each of them, to show that it is needed.

The last look, the self-fence, a call and SES's decision about it are one step: nothing between them is modelled.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.delivery_events import events_of
from app.domain.feedback.events import SesEvent
from app.domain.sending.call_outcome import Accepted, Ambiguous, Refused, Retry, Throttled
from app.domain.sending.state_machine import CLAIMABLE, Event, State, TransitionFacts
from app.domain.sending.unconfirmed_policy import GIVE_UP_AFTER, Peers, verdict
from app.domain.suppression.rules import ListEffect, outlived_by, rule
from app.services.sending.call_results import FoundSuppressed, NotCalled, Report, Result, noted, recalled
from app.services.sending.record import Record, closing
from app.services.sending.transition import advance
from app.store.engine.database import Database
from app.store.sending.attempts import AttemptOutcome
from app.store.sending.claims import OpenAttempt
from tests.support.aws.bounces import bounce_reader
from tests.support.state_space.world import (
    FEEDBACK,
    NOW,
    SEVERITY,
    Attempt,
    Email,
    Hand,
    Phase,
    Row,
    Step,
    World,
    call_of,
    put,
    recipient_of,
    row_of,
    token_of,
    with_hand,
    with_mail,
)

QUIET: Final = timedelta(minutes=15)
MOST_CALLS: Final = 3
WORKERS: Final = 2

AMBIGUOUS, REFUSED = Ambiguous("silence"), Refused("no")
NOT_TAKEN: Final[tuple[Result, ...]] = (REFUSED, Retry("no server there"), Throttled("too fast"))
FOUND, NOT_CALLED = FoundSuppressed("bounce"), NotCalled("held up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of the search: those of the product, unless a test breaks one."""

    verdict: Callable[..., Event | None] = verdict
    gate: bool = True
    last_look: bool = True
    still_mine: bool = True
    fence: bool = True
    same_transaction: bool = True
    tombstones: bool = True
    close_on_resend: bool = True
    outcomes_stay: bool = True
    notes_before_calling: bool = True
    leases: bool = True


class Game:
    """The steps that are possible in a world under these rules."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._record = Record(database=Database("sqlite://"), max_attempts=MOST_CALLS + 2, jitter=lambda: 0.5)
        self._known: dict[object, Row | None] = {}

    def steps(self, world: World) -> Iterator[Step]:
        """Yield every possible next step."""
        for number, email in enumerate(world.emails):
            if len(email.calls) < MOST_CALLS:
                yield from self.claim(world, number)
            yield from self._time_and_people(world, number)
            yield from self._feedback(world, number)
            for peers in (True, False):
                for quiet_for in (QUIET / 2, QUIET, GIVE_UP_AFTER):
                    yield from self.reconcile(world, number, quiet_for=quiet_for, caught_up=peers)
        for hand in world.hands:
            yield from self._work(world, hand) if hand.alive else self._after_death(world, hand)
        if world.suppressed:
            yield Step("unsuppress", -1, self._unsuppress(world))
        else:
            yield Step("suppress", -1, world._replace(suppressed=True))

    def claim(self, world: World, number: int) -> Iterator[Step]:
        """T2 and T2s."""
        email = world.emails[number]
        if email.past_deadline or len(world.hands) == WORKERS:
            return
        if world.suppressed and self.rules.gate and email.row.state in CLAIMABLE:
            yield from self._event(world, number, Event.FIND_SUPPRESSED, "claim finds suppressed")
            return
        claimed = self._advance(email, Event.CLAIM, TransitionFacts())
        if claimed is not None:
            place = len(email.calls)
            after = email._replace(row=claimed._replace(token=place), calls=(*email.calls, Attempt()))
            yield Step("claim", number, with_hand(with_mail(world, number, after), None, Hand(number, place)))

    def _work(self, world: World, hand: Hand) -> Iterator[Step]:
        """T3 to T7: the steps of a living worker."""
        match hand.phase:
            case Phase.CLAIMED:
                yield from self.call(world, hand)
            case Phase.ON_THE_WIRE:
                yield self._answer(world, hand, AMBIGUOUS, "silence")
                if call_of(world, hand).taken:
                    yield self._answer(world, hand, Accepted(str(hand.call)), "late answer")
            case Phase.ANSWERED:
                yield self.report(world, hand, hand.result or AMBIGUOUS)
        yield Step("kill", hand.email, with_hand(world, hand, hand._replace(alive=False)))

    def call(self, world: World, hand: Hand) -> Iterator[Step]:
        """T3: the last look at the claim and at the list, the self-fence, and everything that SES may do."""
        if world.emails[hand.email].row.token != hand.call and self.rules.still_mine:
            yield self._answer(world, hand, NOT_CALLED, "no longer mine")
        elif world.suppressed and self.rules.last_look:
            yield self._answer(world, hand, FOUND, "last look")
        elif hand.overdue and self.rules.fence:
            yield self._answer(world, hand, NOT_CALLED, "fence")
        else:
            taken = self._take(world, hand)
            yield self._answer(taken, hand, Accepted(str(hand.call)), "taken")
            for name, wire in (("taken in silence", taken), ("on the wire", world)):
                yield Step(name, hand.email, with_hand(wire, hand, hand._replace(phase=Phase.ON_THE_WIRE)))
            for result in NOT_TAKEN:
                yield self._answer(world, hand, result, type(result).__name__.lower())

    def report(self, world: World, hand: Hand, result: Result) -> Step:
        """Record a result as `Record` does, for the row and for the attempt."""
        email = world.emails[hand.email]
        row = self._reported(email.row, hand.call, result) or email.row
        worst = max(email.worst, SEVERITY["send"]) if isinstance(result, Accepted) else email.worst
        closed = self._close(email.calls, hand.call, closing(self._report_of(email.row, hand.call, result)).outcome)
        after = email._replace(row=row, calls=closed, worst=worst)
        rest = tuple(one for one in world.hands if one != hand)
        return Step("report", hand.email, with_mail(world, hand.email, after, rest), result)

    def _after_death(self, world: World, hand: Hand) -> Iterator[Step]:
        """T8r; when the whole host is lost, only T8 remains."""
        yield Step("lose host", hand.email, with_hand(world, hand, None))
        yield self.recover(world, hand)

    def recover(self, world: World, hand: Hand) -> Step:
        """Record what the flight recorder of a dead process says, as `Recover` reads it."""
        result = self._noted(hand)
        held = world.emails[hand.email].row.token == hand.call
        if held or isinstance(result, Accepted):
            return self.report(world, hand, result)
        return Step("recover", hand.email, with_hand(world, hand, None))

    def _noted(self, hand: Hand) -> Result:
        if hand.phase is Phase.ON_THE_WIRE:
            return AMBIGUOUS if self.rules.notes_before_calling else NOT_CALLED
        if hand.result is None or isinstance(hand.result, (FoundSuppressed, NotCalled)):
            return NOT_CALLED
        return recalled(noted(hand.result))

    def _time_and_people(self, world: World, number: int) -> Iterator[Step]:
        email = world.emails[number]
        if email.row.state is State.SENDING:
            yield from self.end_lease(world, number)
        if not email.past_deadline:
            yield Step("deadline", number, with_mail(world, number, email._replace(past_deadline=True)))
        yield from self.expire(world, number)
        yield from self._event(world, number, Event.CANCEL, "cancel")
        if email.row.state is State.HELD:
            decided = with_mail(world, number, email._replace(by_person=True))
            yield from self._let_go(decided, number, Event.RESEND)
            yield from self._event(decided, number, Event.DISCARD, "discard", close=AttemptOutcome.NOT_SENT)
        yield from self._event(world, number, Event.RESEND_FAILED, "resend failed")

    def expire(self, world: World, number: int) -> Iterator[Step]:
        """T13: the sweeper, after the deadline of the email."""
        if world.emails[number].past_deadline:
            yield from self._event(world, number, Event.EXPIRE, "expire")

    def end_lease(self, world: World, number: int) -> Iterator[Step]:
        """T8: the sweeper, some time after the lease of the email has expired."""
        email = world.emails[number]
        row = self._advance(email, Event.LEASE_EXPIRED, TransitionFacts())
        if row is None:
            return
        calls = tuple(
            call._replace(outcome=AttemptOutcome.UNKNOWN) if call.outcome is AttemptOutcome.CALLING else call
            for call in email.calls
        )
        hands = tuple(hand._replace(overdue=True) if hand.email == number else hand for hand in world.hands)
        yield Step("lease ends", number, with_mail(world, number, email._replace(row=row, calls=calls), hands))

    def _feedback(self, world: World, number: int) -> Iterator[Step]:
        """T9 and T12: any event of an email that SES accepted, at any time, any number of times."""
        email = world.emails[number]
        for place, call in enumerate(email.calls):
            if call.taken and not call.lost:
                for name in FEEDBACK:
                    yield self.hear(world, number, place, name)
                if not email.worst:
                    calls = put(email.calls, place, call._replace(lost=True))
                    yield Step("lose events", number, with_mail(world, number, email._replace(calls=calls)))

    def hear(self, world: World, number: int, place: int, name: str) -> Step:
        """Process one event of one call: for the address, the email and the attempt at once."""
        email, feedback = world.emails[number], FEEDBACK[name]
        call = email.calls[place]
        row = (
            self._advance(email, events_of(feedback, _cause(feedback)), self._facts(email), message=place) or email.row
        )
        calls = self._close(email.calls, place, AttemptOutcome.ACCEPTED)
        after = email._replace(row=row, calls=calls, worst=max(email.worst, SEVERITY[name]))
        fresh = not (self.rules.tombstones and call.old) or outlived_by(NOW, feedback)
        hit = (
            rule(feedback, _cause(feedback), exempt=False).verdict is ListEffect.SUPPRESS
            and fresh
            and self.rules.same_transaction
        )
        heard = with_mail(world, number, after)._replace(suppressed=world.suppressed or hit)
        return Step(name, number, heard, call_was_old=call.old)

    def reconcile(self, world: World, number: int, *, quiet_for: timedelta, caught_up: bool) -> Iterator[Step]:
        """T10 and T11. From a stream that has provably caught up, no further event comes after a quiet time."""
        email = world.emails[number]
        coming = any(call.taken and not call.lost for call in email.calls)
        if email.row.state is not State.UNCONFIRMED or (quiet_for >= QUIET and caught_up and coming):
            return
        peers = Peers(accepted=3, seen=3 if caught_up else 2, canary_seen=True)
        event = self.rules.verdict(email.policy, quiet_for=quiet_for, quiet_needed=QUIET, peers=peers)
        if event is Event.PROVEN_ABSENT:
            yield from self._let_go(world, number, event)
        elif event is not None:
            yield from self._event(world, number, event, "hold")

    def _let_go(self, world: World, number: int, event: Event) -> Iterator[Step]:
        email = world.emails[number]
        again = with_mail(world, number, email._replace(resent=email.resent + 1))
        close = AttemptOutcome.NOT_SENT if self.rules.close_on_resend else None
        yield from self._event(again, number, event, "resend", close=close)

    def _event(
        self, world: World, number: int, event: Event, what: str, *, close: AttemptOutcome | None = None
    ) -> Iterator[Step]:
        email = world.emails[number]
        row = self._advance(email, event, self._facts(email))
        if row is not None:
            calls = email.calls
            for place, call in enumerate(calls):
                if close and call.outcome is AttemptOutcome.UNKNOWN:
                    calls = self._close(calls, place, close)
            yield Step(what, number, with_mail(world, number, email._replace(row=row, calls=calls)))

    def _answer(self, world: World, hand: Hand, result: Result, what: str) -> Step:
        answered = hand._replace(phase=Phase.ANSWERED, result=result)
        return Step(what, hand.email, with_hand(world, hand, answered))

    def _take(self, world: World, hand: Hand) -> World:
        email = world.emails[hand.email]
        return with_mail(world, hand.email, email._replace(calls=put(email.calls, hand.call, Attempt(taken=True))))

    def _unsuppress(self, world: World) -> World:
        emails = tuple(
            email._replace(calls=tuple(call._replace(old=True) if call.taken else call for call in email.calls))
            for email in world.emails
        )
        return world._replace(emails=emails, suppressed=False)

    def _close(self, calls: tuple[Attempt, ...], place: int, outcome: AttemptOutcome) -> tuple[Attempt, ...]:
        """Close an attempt like the statement of `app.store.sending.attempts.close`."""
        known = calls[place].outcome
        overruled = known is AttemptOutcome.CALLING or AttemptOutcome.UNKNOWN is not outcome
        if self.rules.outcomes_stay and (known is AttemptOutcome.ACCEPTED or not overruled):
            return calls
        return put(calls, place, calls[place]._replace(outcome=outcome))

    def _facts(self, email: Email) -> TransitionFacts:
        return TransitionFacts(attempt_open=email.in_doubt, taken_by_ses=email.row.message is not None)

    def _advance(self, email: Email, event: Event, facts: TransitionFacts, *, message: int | None = None) -> Row | None:
        key = (email.row, event, facts, message)
        if key not in self._known:
            after = advance(
                recipient_of(email.row), event, facts, now=NOW, ses_message_id=None if message is None else str(message)
            )
            self._known[key] = row_of(after) if after else None
        return self._known[key]

    def _reported(self, row: Row, place: int, result: Result) -> Row | None:
        key = (row, place, result)
        if key not in self._known:
            report = self._report_of(row, place, result)
            after = self._record.move(recipient_of(row), report, NOW)
            self._known[key] = row_of(after) if after else None
        return self._known[key]

    def _report_of(self, row: Row, place: int, result: Result) -> Report:
        token = token_of(place if self.rules.leases or row.token is None else row.token)
        claimed = replace(recipient_of(row), lease_token=token)
        return Report(attempt=OpenAttempt(claimed, UUID(int=place + 1)), result=result)


def _cause(feedback: SesEvent) -> BounceCause | None:
    reading = bounce_reader().read_event(feedback)
    return reading.cause if reading else None
