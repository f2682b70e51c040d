"""What must hold in every world of the exhaustive search, and across every step: the promises, as plain predicates."""

from collections.abc import Callable
from typing import Final

from app.domain.delivery import ENDED_UNSENT, TAKEN_BY_SES, WAITING, State
from app.domain.outcome import Throttled
from app.services.results import FoundSuppressed, NotCalled
from app.store.attempts import AttemptOutcome
from tests.world import HARD, NEWS, Mail, Step, World

# From the best news to the worst, stated here once more on purpose: a mail shows the worst that was heard of it.
WORST_HEARD: Final = {
    NEWS["send"]: State.SENT,
    NEWS["delivery"]: State.DELIVERED,
    NEWS["bounce"]: State.BOUNCED,
    NEWS["complaint"]: State.COMPLAINED,
}


def accepted_once_or_flagged(_: World, mail: Mail) -> bool:
    """I1: SES takes a mail once, and once more for each time that it was let go again as a possible duplicate."""
    return mail.taken <= 1 + mail.resent and (mail.taken <= 1 or mail.row.duplicate)


def accepted_once_while_no_event_is_lost(_: World, mail: Mail) -> bool:
    """I1 with lossless events: then no mail is taken twice at all, unless a person asked for it."""
    return mail.taken <= 1 or mail.excused


def acceptance_is_true(_: World, mail: Mail) -> bool:
    """I2: an attempt that is noted as accepted is in SES's ledger."""
    return all(call.taken for call in mail.calls if call.outcome is AttemptOutcome.ACCEPTED)


def sent_means_taken(_: World, mail: Mail) -> bool:
    """I2 and I3: a mail that is shown as sent, or worse, is in SES's ledger, and one of its attempts says so."""
    noted = any(call.outcome is AttemptOutcome.ACCEPTED for call in mail.calls)
    return mail.row.state not in TAKEN_BY_SES or (mail.taken > 0 and noted)


def unsent_means_not_taken(_: World, mail: Mail) -> bool:
    """I4: a mail that ended unsent has no call in doubt and is not in SES's ledger; a lost event is the one excuse."""
    return mail.row.state not in ENDED_UNSENT or (not mail.in_doubt and (mail.taken == 0 or mail.excused))


def worst_news_shows(_: World, mail: Mail) -> bool:
    """I9: whatever the order and the number of events, the state is the worst of them."""
    return not mail.news or mail.row.state is WORST_HEARD[mail.news]


def one_lease(world: World, mail: Mail) -> bool:
    """I14: a mail is being sent exactly while one claim holds it, and its newest call is the one of that claim."""
    sending = mail.row.state is State.SENDING
    return sending == (mail.row.token is not None) and (not sending or mail.row.token == len(mail.calls) - 1)


OF_A_WORLD: Final[tuple[Callable[[World, Mail], bool], ...]] = (
    accepted_once_or_flagged,
    accepted_once_while_no_event_is_lost,
    acceptance_is_true,
    sent_means_taken,
    unsent_means_not_taken,
    worst_news_shows,
    one_lease,
)


def nobody_is_mailed_while_suppressed(before: World, step: Step) -> bool:
    """I8: SES takes no mail to an address that is suppressed."""
    return not before.suppressed or _taken(before) == _taken(step.after)


def ended_mail_is_not_called(before: World, step: Step) -> bool:
    """I16: SES takes no mail that was canceled, expired or has ended unsent in another way."""
    ended = [number for number, mail in enumerate(before.mails) if mail.row.state in ENDED_UNSENT]
    return all(before.mails[number].taken == step.after.mails[number].taken for number in ended)


def a_repeated_event_changes_nothing(before: World, step: Step) -> bool:
    """I10: an event whose news is known already leaves the mail as it is."""
    if step.what not in NEWS or before.mails[step.mail].news < NEWS[step.what]:
        return True
    return before.mails[step.mail].row == step.after.mails[step.mail].row


def hard_feedback_suppresses(before: World, step: Step) -> bool:
    """I11, I12 and promise 6: in the same step, unless the mail had left before the address was last unsuppressed."""
    if step.what not in HARD:
        return True
    fresh = not step.call_was_old
    return step.after.suppressed == (before.suppressed or fresh)


def only_a_claim_takes_a_lease(before: World, step: Step) -> bool:
    """I14: a mail that nobody holds is taken by a claim; no other step names a holder, and none takes it from one."""
    return all(
        old.row.token == new.row.token or new.row.token is None or (step.what == "claim" and old.row.token is None)
        for old, new in zip(before.mails, step.after.mails, strict=True)
    )


def attempts_burn_for_cause(before: World, step: Step) -> bool:
    """I18: throttling, a claim given back and a suppression cost no attempt."""
    blameless = isinstance(step.result, (Throttled, NotCalled, FoundSuppressed))
    return not blameless or before.mails[step.mail].row.burned == step.after.mails[step.mail].row.burned


def an_outcome_is_never_forgotten(before: World, step: Step) -> bool:
    """I9: what SES has taken never waits again, nor ends as unsent."""
    return all(
        old.row.state not in TAKEN_BY_SES or new.row.state not in WAITING | ENDED_UNSENT
        for old, new in zip(before.mails, step.after.mails, strict=True)
    )


OF_A_STEP: Final[tuple[Callable[[World, Step], bool], ...]] = (
    nobody_is_mailed_while_suppressed,
    ended_mail_is_not_called,
    a_repeated_event_changes_nothing,
    hard_feedback_suppresses,
    only_a_claim_takes_a_lease,
    attempts_burn_for_cause,
    an_outcome_is_never_forgotten,
)


def _taken(world: World) -> int:
    return sum(mail.taken for mail in world.mails)
