"""What may happen in a small world around the rules of delivery, step by step.

Every decision is made by the code of the product: `advance` and `decide`, `verdict`, `rule`, `news_of`, `outlived_by`
and `Record`'s reading of an outcome. Around them workers stall and die, SES takes mails and keeps silent, and feedback
comes in any order, repeatedly or never. `Rules` holds the guards that are SQL or threads in the product, so that each
of them can be left out, to see what it is there for.

The last look, the self-fence, a call and SES's own verdict on it are one step: what lies between them is not modelled.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from app.domain.delivery import CLAIMABLE, Event, Facts, State
from app.domain.news import news_of
from app.domain.outcome import Accepted, Ambiguous, Refused, Retry, Throttled
from app.domain.proof import GIVE_UP_AFTER, Peers, verdict
from app.domain.suppression import Verdict, outlived_by, rule
from app.services.advance import advance
from app.services.record import Record, Report, _closing
from app.services.results import FoundSuppressed, NotCalled, Result, noted, recalled
from app.store.attempts import AttemptOutcome
from app.store.claims import Mine
from app.store.db import Database
from tests.world import (
    FEEDBACK,
    NEWS,
    NOW,
    Attempt,
    Hand,
    Mail,
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
NOT_TAKEN: Final[tuple[Result, ...]] = (REFUSED, Retry("nobody there"), Throttled("too fast"))
FOUND, NOT_CALLED = FoundSuppressed("bounce"), NotCalled("held up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules that the search is run with: those of the product, unless a test spoils one."""

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
    """What may happen in a world, step by step, under these rules."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._record = Record(database=Database("sqlite://"), max_attempts=MOST_CALLS + 2, jitter=lambda: 0.5)
        self._known: dict[object, Row | None] = {}

    def steps(self, world: World) -> Iterator[Step]:
        """Everything that may happen next."""
        for number, mail in enumerate(world.mails):
            if len(mail.calls) < MOST_CALLS:
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
        mail = world.mails[number]
        if mail.past_deadline or len(world.hands) == WORKERS:
            return
        if world.suppressed and self.rules.gate and mail.row.state in CLAIMABLE:
            yield from self._event(world, number, Event.FIND_SUPPRESSED, "claim finds suppressed")
            return
        claimed = self._advance(mail, Event.CLAIM, Facts())
        if claimed is not None:
            place = len(mail.calls)
            after = mail._replace(row=claimed._replace(token=place), calls=(*mail.calls, Attempt()))
            yield Step("claim", number, with_hand(with_mail(world, number, after), None, Hand(number, place)))

    def _work(self, world: World, hand: Hand) -> Iterator[Step]:
        """T3 to T7: what a living worker may do."""
        match hand.phase:
            case Phase.CLAIMED:
                yield from self.call(world, hand)
            case Phase.ON_THE_WIRE:
                yield self._answer(world, hand, AMBIGUOUS, "silence")
                if call_of(world, hand).taken:
                    yield self._answer(world, hand, Accepted(str(hand.call)), "late answer")
            case Phase.ANSWERED:
                yield self.report(world, hand, hand.result or AMBIGUOUS)
        yield Step("kill", hand.mail, with_hand(world, hand, hand._replace(alive=False)))

    def call(self, world: World, hand: Hand) -> Iterator[Step]:
        """T3: the last look, at the claim and at the list, the self-fence, and all that SES may do."""
        if world.mails[hand.mail].row.token != hand.call and self.rules.still_mine:
            yield self._answer(world, hand, NOT_CALLED, "no longer mine")
        elif world.suppressed and self.rules.last_look:
            yield self._answer(world, hand, FOUND, "last look")
        elif hand.overdue and self.rules.fence:
            yield self._answer(world, hand, NOT_CALLED, "fence")
        else:
            taken = self._take(world, hand)
            yield self._answer(taken, hand, Accepted(str(hand.call)), "taken")
            for name, wire in (("taken in silence", taken), ("on the wire", world)):
                yield Step(name, hand.mail, with_hand(wire, hand, hand._replace(phase=Phase.ON_THE_WIRE)))
            for result in NOT_TAKEN:
                yield self._answer(world, hand, result, type(result).__name__.lower())

    def report(self, world: World, hand: Hand, result: Result) -> Step:
        """What `Record` makes of it, for the row and for the attempt."""
        mail = world.mails[hand.mail]
        row = self._reported(mail.row, hand.call, result) or mail.row
        news = max(mail.news, NEWS["send"]) if isinstance(result, Accepted) else mail.news
        closed = self._close(mail.calls, hand.call, _closing(self._report_of(mail.row, hand.call, result)).outcome)
        after = mail._replace(row=row, calls=closed, news=news)
        rest = tuple(one for one in world.hands if one != hand)
        return Step("report", hand.mail, with_mail(world, hand.mail, after, rest), result)

    def _after_death(self, world: World, hand: Hand) -> Iterator[Step]:
        """T8r, or the whole host is lost and T8 is left."""
        yield Step("lose host", hand.mail, with_hand(world, hand, None))
        yield self.recover(world, hand)

    def recover(self, world: World, hand: Hand) -> Step:
        """What the flight recorder of a dead process says, as `Recover` reads it."""
        result = self._noted(hand)
        held = world.mails[hand.mail].row.token == hand.call
        if held or isinstance(result, Accepted):
            return self.report(world, hand, result)
        return Step("recover", hand.mail, with_hand(world, hand, None))

    def _noted(self, hand: Hand) -> Result:
        if hand.phase is Phase.ON_THE_WIRE:
            return AMBIGUOUS if self.rules.notes_before_calling else NOT_CALLED
        if hand.result is None or isinstance(hand.result, (FoundSuppressed, NotCalled)):
            return NOT_CALLED
        return recalled(noted(hand.result))

    def _time_and_people(self, world: World, number: int) -> Iterator[Step]:
        mail = world.mails[number]
        if mail.row.state is State.SENDING:
            yield from self.end_lease(world, number)
        if not mail.past_deadline:
            yield Step("deadline", number, with_mail(world, number, mail._replace(past_deadline=True)))
        yield from self.expire(world, number)
        yield from self._event(world, number, Event.CANCEL, "cancel")
        if mail.row.state is State.HELD:
            decided = with_mail(world, number, mail._replace(by_person=True))
            yield from self._let_go(decided, number, Event.RESEND)
            yield from self._event(decided, number, Event.DISCARD, "discard", close=AttemptOutcome.NOT_SENT)

    def expire(self, world: World, number: int) -> Iterator[Step]:
        """T13: the sweeper, once the deadline of the mail is past."""
        if world.mails[number].past_deadline:
            yield from self._event(world, number, Event.EXPIRE, "expire")

    def end_lease(self, world: World, number: int) -> Iterator[Step]:
        """T8: the sweeper, some time after the lease of the mail has run out."""
        mail = world.mails[number]
        row = self._advance(mail, Event.LEASE_EXPIRED, Facts())
        if row is None:
            return
        calls = tuple(
            call._replace(outcome=AttemptOutcome.UNKNOWN) if call.outcome is AttemptOutcome.CALLING else call
            for call in mail.calls
        )
        hands = tuple(hand._replace(overdue=True) if hand.mail == number else hand for hand in world.hands)
        yield Step("lease ends", number, with_mail(world, number, mail._replace(row=row, calls=calls), hands))

    def _feedback(self, world: World, number: int) -> Iterator[Step]:
        """T9 and T12: any event of a mail that SES took, at any time, any number of times."""
        mail = world.mails[number]
        for place, call in enumerate(mail.calls):
            if call.taken and not call.lost:
                for name in FEEDBACK:
                    yield self.hear(world, number, place, name)
                if not mail.news:
                    calls = put(mail.calls, place, call._replace(lost=True))
                    yield Step("lose events", number, with_mail(world, number, mail._replace(calls=calls)))

    def hear(self, world: World, number: int, place: int, name: str) -> Step:
        """One event of one call is settled: for the address, for the mail and for the attempt at once."""
        mail, feedback = world.mails[number], FEEDBACK[name]
        call = mail.calls[place]
        row = self._advance(mail, news_of(feedback), self._facts(mail), message=place) or mail.row
        calls = self._close(mail.calls, place, AttemptOutcome.ACCEPTED)
        after = mail._replace(row=row, calls=calls, news=max(mail.news, NEWS[name]))
        fresh = not (self.rules.tombstones and call.old) or outlived_by(NOW, feedback)
        hit = rule(feedback, exempt=False).verdict is Verdict.SUPPRESS and fresh and self.rules.same_transaction
        heard = with_mail(world, number, after)._replace(suppressed=world.suppressed or hit)
        return Step(name, number, heard, call_was_old=call.old)

    def reconcile(self, world: World, number: int, *, quiet_for: timedelta, caught_up: bool) -> Iterator[Step]:
        """T10 and T11. A stream that is proven to have caught up, after a quiet time, has nothing left that comes."""
        mail = world.mails[number]
        coming = any(call.taken and not call.lost for call in mail.calls)
        if mail.row.state is not State.UNCONFIRMED or (quiet_for >= QUIET and caught_up and coming):
            return
        peers = Peers(accepted=3, seen=3 if caught_up else 2, canary_seen=True)
        event = self.rules.verdict(mail.policy, quiet_for=quiet_for, quiet_needed=QUIET, peers=peers)
        if event is Event.PROVEN_ABSENT:
            yield from self._let_go(world, number, event)
        elif event is not None:
            yield from self._event(world, number, event, "hold")

    def _let_go(self, world: World, number: int, event: Event) -> Iterator[Step]:
        mail = world.mails[number]
        again = with_mail(world, number, mail._replace(resent=mail.resent + 1))
        close = AttemptOutcome.NOT_SENT if self.rules.close_on_resend else None
        yield from self._event(again, number, event, "resend", close=close)

    def _event(
        self, world: World, number: int, event: Event, what: str, *, close: AttemptOutcome | None = None
    ) -> Iterator[Step]:
        mail = world.mails[number]
        row = self._advance(mail, event, self._facts(mail))
        if row is not None:
            calls = mail.calls
            for place, call in enumerate(calls):
                if close and call.outcome is AttemptOutcome.UNKNOWN:
                    calls = self._close(calls, place, close)
            yield Step(what, number, with_mail(world, number, mail._replace(row=row, calls=calls)))

    def _answer(self, world: World, hand: Hand, result: Result, what: str) -> Step:
        answered = hand._replace(phase=Phase.ANSWERED, result=result)
        return Step(what, hand.mail, with_hand(world, hand, answered))

    def _take(self, world: World, hand: Hand) -> World:
        mail = world.mails[hand.mail]
        return with_mail(world, hand.mail, mail._replace(calls=put(mail.calls, hand.call, Attempt(taken=True))))

    def _unsuppress(self, world: World) -> World:
        mails = tuple(
            mail._replace(calls=tuple(call._replace(old=True) if call.taken else call for call in mail.calls))
            for mail in world.mails
        )
        return world._replace(mails=mails, suppressed=False)

    def _close(self, calls: tuple[Attempt, ...], place: int, outcome: AttemptOutcome) -> tuple[Attempt, ...]:
        """As the statement of `app.store.attempts.close` has it."""
        known = calls[place].outcome
        overruled = known is AttemptOutcome.CALLING or AttemptOutcome.UNKNOWN is not outcome
        if self.rules.outcomes_stay and (known is AttemptOutcome.ACCEPTED or not overruled):
            return calls
        return put(calls, place, calls[place]._replace(outcome=outcome))

    def _facts(self, mail: Mail) -> Facts:
        return Facts(attempt_open=mail.in_doubt, taken_by_ses=mail.row.message is not None)

    def _advance(self, mail: Mail, event: Event, facts: Facts, *, message: int | None = None) -> Row | None:
        key = (mail.row, event, facts, message)
        if key not in self._known:
            after = advance(
                recipient_of(mail.row), event, facts, now=NOW, ses_message_id=None if message is None else str(message)
            )
            self._known[key] = row_of(after) if after else None
        return self._known[key]

    def _reported(self, row: Row, place: int, result: Result) -> Row | None:
        key = (row, place, result)
        if key not in self._known:
            report = self._report_of(row, place, result)
            after = self._record._move(recipient_of(row), report, NOW)
            self._known[key] = row_of(after) if after else None
        return self._known[key]

    def _report_of(self, row: Row, place: int, result: Result) -> Report:
        token = token_of(place if self.rules.leases or row.token is None else row.token)
        return Report(mine=Mine(recipient_of(row), UUID(int=place + 1)), token=token, result=result)
