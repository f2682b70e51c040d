"""The invariants of every world of the exhaustive search, and of every step: the promises, as predicates."""

from collections.abc import Callable
from typing import Final

from app.domain.sending.call_outcome import Throttled
from app.domain.sending.state_machine import ENDED_UNSENT, TAKEN_BY_SES, WAITING, State
from app.services.sending.call_results import FoundSuppressed, NotCalled
from app.store.sending.attempts import AttemptOutcome
from tests.support.state_space.world import HARD, SEVERITY, Email, Step, World

# From the best event to the worst, repeated here on purpose: the state of an email is the worst of its events.
WORST_HEARD: Final = {
    SEVERITY["send"]: State.SENT,
    SEVERITY["delivery"]: State.DELIVERED,
    SEVERITY["bounce"]: State.BOUNCED,
    SEVERITY["complaint"]: State.COMPLAINED,
}


def accepted_once_or_flagged(_: World, email: Email) -> bool:
    """I1: SES accepts an email once, plus once for each time that it was resent as a possible duplicate."""
    return email.taken <= 1 + email.resent and (email.taken <= 1 or email.row.duplicate)


def accepted_once_while_no_event_is_lost(_: World, email: Email) -> bool:
    """I1 with lossless events: then SES accepts no email twice, unless a person asked for it."""
    return email.taken <= 1 or email.excused


def acceptance_is_true(_: World, email: Email) -> bool:
    """I2: an attempt that is recorded as accepted is in SES's ledger."""
    return all(call.taken for call in email.calls if call.outcome is AttemptOutcome.ACCEPTED)


def sent_means_taken(_: World, email: Email) -> bool:
    """I2 and I3: an email in state sent, or a later one, is in SES's ledger, and one of its attempts says so."""
    noted = any(call.outcome is AttemptOutcome.ACCEPTED for call in email.calls)
    return email.row.state not in TAKEN_BY_SES or (email.taken > 0 and noted)


def unsent_means_not_taken(_: World, email: Email) -> bool:
    """I4: an email that ended unsent has no unknown call and is not in SES's ledger, unless an event was lost."""
    return email.row.state not in ENDED_UNSENT or (not email.in_doubt and (email.taken == 0 or email.excused))


def the_worst_event_shows(_: World, email: Email) -> bool:
    """I9: in whatever order and number events come, the state is the worst of them."""
    return not email.worst or email.row.state is WORST_HEARD[email.worst]


def one_lease(world: World, email: Email) -> bool:
    """I14: an email is in state sending exactly while one claim holds it, and its newest call is that of the claim."""
    sending = email.row.state is State.SENDING
    return sending == (email.row.token is not None) and (not sending or email.row.token == len(email.calls) - 1)


OF_A_WORLD: Final[tuple[Callable[[World, Email], bool], ...]] = (
    accepted_once_or_flagged,
    accepted_once_while_no_event_is_lost,
    acceptance_is_true,
    sent_means_taken,
    unsent_means_not_taken,
    the_worst_event_shows,
    one_lease,
)


def no_suppressed_address_is_mailed(before: World, step: Step) -> bool:
    """I8: SES accepts no email to an address that is suppressed."""
    return not before.suppressed or _taken(before) == _taken(step.after)


def ended_mail_is_not_called(before: World, step: Step) -> bool:
    """I16: SES accepts no email that was canceled, expired or ended unsent in another way."""
    ended = [number for number, email in enumerate(before.emails) if email.row.state in ENDED_UNSENT]
    return all(before.emails[number].taken == step.after.emails[number].taken for number in ended)


def a_repeated_event_changes_nothing(before: World, step: Step) -> bool:
    """I10: an event that adds nothing new leaves the email as it is."""
    if step.what not in SEVERITY or before.emails[step.email].worst < SEVERITY[step.what]:
        return True
    return before.emails[step.email].row == step.after.emails[step.email].row


def hard_feedback_suppresses(before: World, step: Step) -> bool:
    """I11, I12 and promise 6: in the same step, unless the email was sent before the address was last unsuppressed."""
    if step.what not in HARD:
        return True
    fresh = not step.call_was_old
    return step.after.suppressed == (before.suppressed or fresh)


def only_a_claim_takes_a_lease(before: World, step: Step) -> bool:
    """I14: only a claim takes an email that has no holder; no other step sets a holder, and none replaces one."""
    return all(
        old.row.token == new.row.token or new.row.token is None or (step.what == "claim" and old.row.token is None)
        for old, new in zip(before.emails, step.after.emails, strict=True)
    )


def attempts_burn_for_cause(before: World, step: Step) -> bool:
    """I18: throttling, a released claim and a suppression cost no attempt."""
    blameless = isinstance(step.result, (Throttled, NotCalled, FoundSuppressed))
    return not blameless or before.emails[step.email].row.burned == step.after.emails[step.email].row.burned


def an_outcome_is_never_forgotten(before: World, step: Step) -> bool:
    """I9: an email that SES has accepted neither waits again nor ends as unsent."""
    return all(
        old.row.state not in TAKEN_BY_SES or new.row.state not in WAITING | ENDED_UNSENT
        for old, new in zip(before.emails, step.after.emails, strict=True)
    )


OF_A_STEP: Final[tuple[Callable[[World, Step], bool], ...]] = (
    no_suppressed_address_is_mailed,
    ended_mail_is_not_called,
    a_repeated_event_changes_nothing,
    hard_feedback_suppresses,
    only_a_claim_takes_a_lease,
    attempts_burn_for_cause,
    an_outcome_is_never_forgotten,
)


def _taken(world: World) -> int:
    return sum(email.taken for email in world.emails)
