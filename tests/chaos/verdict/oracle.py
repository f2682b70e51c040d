"""The oracle: do the answers to clients, the database's rows and the emails SES took agree with the promises?

Pure: evidence in, findings out. Each rule names the invariant that it holds; the figures of a run are counts of
findings. It reports only breaches that the evidence proves.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.domain.sending.state_machine import ENDED_UNSENT, TAKEN_BY_SES, WAITING, State
from app.domain.suppression.rules import EVERY_EMAIL
from tests.chaos.verdict.evidence import Evidence, Listed, Row, Taken, Try

# A claim reads the list in a transaction that began at most this long before: PostgreSQL ends a longer one.
LONGEST_CLAIM = timedelta(seconds=6)
SUBSCRIBED = {
    State.DELIVERED: "email.delivered",
    State.BOUNCED: "email.bounced",
    State.COMPLAINED: "email.complained",
    State.SUPPRESSED: "email.suppressed",
    State.FAILED: "email.failed",
    State.CANCELED: "email.canceled",
    State.EXPIRED: "email.expired",
}
"""The ends of a recipient that the application of a drill subscribes to, and their events."""

REFUSED_BY_SES = "SES refused the email"


class Promise(StrEnum):
    """A promise, in the words of the report."""

    LOST = "lost"
    SUBMITTED_TWICE = "submitted_twice"
    DUPLICATE_UNFLAGGED = "duplicates_unflagged"
    DUPLICATE_FLAGGED = "duplicates_flagged"
    SENT_AFTER_SUPPRESSION = "sent_after_suppression"
    LEDGER_MINUS_DATABASE = "ledger_minus_db"
    UNSETTLED = "unsettled"
    UNTOLD = "untold"
    INVARIANT = "invariants"


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach: the promise, the email or address, and the proof."""

    promise: Promise
    subject: str
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings of one run. `lossless`: every event had to arrive."""

    findings: tuple[Finding, ...]
    lossless: bool

    def count(self, promise: Promise) -> int:
        """How many emails break this promise."""
        return len({finding.subject for finding in self.findings if finding.promise is promise})

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The broken promises. Where events may be lost, an email marked as a possible duplicate may come twice."""
        allowed = frozenset() if self.lossless else {Promise.DUPLICATE_FLAGGED}
        return tuple(finding for finding in self.findings if finding.promise not in allowed)


def judge(evidence: Evidence, *, lossless: bool) -> Verdict:
    """Every breach that the evidence proves."""
    case = _Case(evidence, lossless=lossless)
    return Verdict(tuple(finding for rule in RULES for finding in rule(case)), lossless)


class _Case:
    """The evidence, indexed."""

    def __init__(self, evidence: Evidence, *, lossless: bool) -> None:
        self.evidence = evidence
        self.lossless = lossless
        self.rows = {row.id: row for row in evidence.rows}
        self.rows_of_email: dict[UUID, list[Row]] = defaultdict(list)
        for row in evidence.rows:
            self.rows_of_email[row.email_id].append(row)
        self.taken_of: dict[UUID, list[Taken]] = defaultdict(list)
        for taken in evidence.taken:
            if taken.recipient_id is not None:
                self.taken_of[taken.recipient_id].append(taken)
        self.tries_of: dict[UUID, list[Try]] = defaultdict(list)
        for one in evidence.tries:
            self.tries_of[one.recipient_id].append(one)

    def describe(self, row: Row) -> str:
        """One recipient in a line, with its attempts and the ledger's entries."""
        calls = ", ".join(f"{one.outcome} {one.started_at:%H:%M:%S.%f}" for one in self.tries_of[row.id])
        taken = ", ".join(f"{one.at:%H:%M:%S.%f} {one.mode}" for one in self.taken_of[row.id])
        return f"{row.subject} {row.state}: {row.reason or 'no reason'}; calls [{calls}]; SES took it [{taken}]"


def in_flight_at_suppression(evidence: Evidence) -> list[timedelta]:
    """How long after a suppression was seen SES took emails claimed before it: the window that remains."""
    case = _Case(evidence, lossless=True)
    known: dict[str, list[Listed]] = defaultdict(list)
    for listed in evidence.listed:
        known[listed.key].append(listed)
    started = {one.id: one.started_at for one in evidence.tries}
    late = []
    for taken in evidence.taken:
        row = case.rows.get(taken.recipient_id) if taken.recipient_id else None
        began = started.get(taken.attempt_id) if taken.attempt_id else None
        for listed in known[row.key] if row is not None else ():
            if row is None or began is None or listed.seen_at is None or listed.scope not in (EVERY_EMAIL, row.scope):
                continue
            if began <= listed.seen_at < taken.at and _is_before(taken.at, listed.ended_at):
                late.append(taken.at - listed.seen_at)
    return sorted(late)


def _is_before(moment: datetime, end: datetime | None) -> bool:
    return end is None or moment < end


def _every_promise_is_kept(case: _Case) -> Iterator[Finding]:
    """I6, I17: an email answered with a 2xx is in the database, with each of its addresses and no other.

    `_who_is_withheld_is_suppressed` decides on those that a door refused.
    """
    for email in case.evidence.promised:
        rows = case.rows_of_email.get(email.email_id, [])
        if not rows:
            yield Finding(Promise.LOST, email.key, f"{email.key} was accepted as {email.email_id} and is nowhere")
            continue
        withheld = case.evidence.withheld.get(email.key, frozenset())
        if Counter(row.address for row in rows if row.address not in withheld) != Counter(email.addresses - withheld):
            number = f"{len(email.addresses)}, of them {len(withheld)} withheld"
            yield Finding(Promise.LOST, email.key, f"{email.key} is for {number}, but has {len(rows)} rows")


def _every_key_is_one_mail(case: _Case) -> Iterator[Finding]:
    """I7: one key, one email, however often it was offered, by any door; and each email in the database was offered."""
    for key, ids in case.evidence.answers.items():
        if len(ids) > 1:
            yield Finding(Promise.SUBMITTED_TWICE, key, f"{key} was answered with {len(ids)} ids")
    emails = Counter(row.subject for row in {row.email_id: row for row in case.evidence.rows}.values())
    for key, number in emails.items():
        if number > 1:
            yield Finding(Promise.SUBMITTED_TWICE, key, f"{key} is {number} mails in the database")
        if key not in case.evidence.offered:
            yield Finding(Promise.INVARIANT, key, f"{key} was never offered")
    for key in case.evidence.refused:
        yield Finding(Promise.INVARIANT, key, f"{key} was refused")


def _who_is_withheld_is_suppressed(case: _Case) -> Iterator[Finding]:
    """A recipient is refused as suppressed only if listed, and has a row only by an offer without an answer."""
    listed = {one.key for one in case.evidence.listed}
    rows_of_key: dict[str, list[str]] = defaultdict(list)
    for row in case.evidence.rows:
        rows_of_key[row.subject].append(row.address)
    for key, addresses in case.evidence.withheld.items():
        if addresses - listed:
            yield Finding(Promise.LOST, key, f"{key} was refused for an address that was never listed")
        allowed = case.evidence.unanswered.get(key, frozenset())
        if addresses & set(rows_of_key[key]) - allowed:
            yield Finding(Promise.INVARIANT, key, f"{key} has a row for an address that was refused in every offer")


def _no_recipient_gets_it_twice(case: _Case) -> Iterator[Finding]:
    """I1, I5: SES took each email once, except those marked as possible duplicates; no attempt called it twice."""
    for recipient_id, taken in case.taken_of.items():
        row = case.rows.get(recipient_id)
        if len(taken) > 1 and row is not None:
            flagged = Promise.DUPLICATE_FLAGGED if row.possible_duplicate else Promise.DUPLICATE_UNFLAGGED
            yield Finding(flagged, str(recipient_id), case.describe(row))
    for attempt_id, number in Counter(one.attempt_id for one in case.evidence.taken if one.attempt_id).items():
        if number > 1:
            yield Finding(Promise.DUPLICATE_UNFLAGGED, str(attempt_id), f"attempt {attempt_id} called {number} times")


def _no_email_leaves_after_suppression(case: _Case) -> Iterator[Finding]:
    """I8: no attempt began while a suppression of its address and scope was known to be committed."""
    listed_of: dict[str, list[Listed]] = defaultdict(list)
    for listed in case.evidence.listed:
        listed_of[listed.key].append(listed)
    for one in case.evidence.tries:
        row = case.rows.get(one.recipient_id)
        for listed in listed_of[row.key] if row is not None else ():
            if row is not None and listed.scope in (EVERY_EMAIL, row.scope) and _was_live(listed, one.started_at):
                since = f"suppressed since {listed.created_at:%H:%M:%S.%f}, seen {listed.seen_at:%H:%M:%S.%f}"
                yield Finding(Promise.SENT_AFTER_SUPPRESSION, str(row.id), f"{since}; {case.describe(row)}")


def _was_live(listed: Listed, moment: datetime) -> bool:
    if listed.seen_at is None or moment <= listed.seen_at:
        return False
    return listed.ended_at is None or moment < listed.ended_at - LONGEST_CLAIM


def _what_ses_took_is_known(case: _Case) -> Iterator[Finding]:
    """I2: every email that SES took is recorded as taken, by the attempt that sent it."""
    outcomes = {one.id: one.outcome for one in case.evidence.tries}
    for recipient_id, taken in case.taken_of.items():
        row = case.rows.get(recipient_id)
        if row is not None and not _is_taken(row) and (case.lossless or row.state not in WAITING):
            yield Finding(Promise.LEDGER_MINUS_DATABASE, str(recipient_id), case.describe(row))
        for one in taken:
            if row is None or not case.lossless or one.attempt_id is None:
                continue
            if outcomes.get(one.attempt_id) != "accepted":
                unnoted = f"SES took attempt {one.attempt_id}, which is {outcomes.get(one.attempt_id, 'unknown here')}"
                yield Finding(Promise.INVARIANT, str(one.attempt_id), f"{unnoted}; {case.describe(row)}")


def _is_taken(row: Row) -> bool:
    return row.state in TAKEN_BY_SES or (row.state is State.FAILED and row.ses_message_id is not None)


def _what_is_said_to_be_sent_was_taken(case: _Case) -> Iterator[Finding]:
    """I2, I3: no email is recorded as sent that SES never took."""
    for row in case.evidence.rows:
        if row.state in TAKEN_BY_SES and not case.taken_of.get(row.id):
            yield Finding(Promise.LOST, str(row.id), case.describe(row))
    taken = {one.attempt_id for one in case.evidence.taken}
    for one in case.evidence.tries:
        if one.outcome == "accepted" and one.id not in taken and one.recipient_id in case.rows:
            yield Finding(Promise.INVARIANT, str(one.id), f"attempt {one.id} is accepted, but SES never took it")


def _what_ended_unsent_was_not_taken(case: _Case) -> Iterator[Finding]:
    """I4, I16: suppressed, failed, expired and canceled emails were never sent."""
    for row in case.evidence.rows:
        if row.state in ENDED_UNSENT and row.ses_message_id is None and case.taken_of.get(row.id):
            yield Finding(Promise.LEDGER_MINUS_DATABASE, str(row.id), case.describe(row))


def _what_failed_was_refused(case: _Case) -> Iterator[Finding]:
    """I4: an email that failed was refused by SES itself. No outage, and no key, setting or disk of ours, ends one."""
    for row in case.evidence.rows:
        failed = row.state is State.FAILED and row.ses_message_id is None and not case.taken_of.get(row.id)
        refused = any(one.outcome == "rejected" for one in case.tries_of[row.id])
        if failed and not (refused and (row.reason or "").startswith(REFUSED_BY_SES)):
            yield Finding(Promise.LOST, str(row.id), f"failed, and SES never refused it; {case.describe(row)}")


def _everything_has_ended(case: _Case) -> Iterator[Finding]:
    """I14, I15: nothing waits any more, except for a person or for a proof that lost events leave open."""
    for row in case.evidence.rows:
        if row.state is State.HELD and row.on_unconfirmed == "hold":
            continue
        if row.state is State.UNCONFIRMED and not case.lossless:
            continue
        if row.state in WAITING:
            yield Finding(Promise.UNSETTLED, str(row.id), case.describe(row))
        elif row.leased:
            yield Finding(Promise.INVARIANT, str(row.id), f"a lease is left; {case.describe(row)}")
    if case.evidence.unread and case.lossless:
        yield Finding(Promise.UNSETTLED, "feedback", f"{case.evidence.unread} notifications were not settled")


def _who_is_to_blame_is_listed(case: _Case) -> Iterator[Finding]:
    """I11: an address that complained or bounced for good has an entry, live or removed."""
    listed = {one.key for one in case.evidence.listed}
    for key in sorted(case.evidence.blamed - listed):
        yield Finding(Promise.INVARIANT, key, "an address complained or bounced for good and was never listed")


def _the_application_learns(case: _Case) -> Iterator[Finding]:
    """W1: the receiver got the event of each recipient's end at least once, under one id however often it came."""
    deliveries: dict[tuple[UUID, str], set[str]] = defaultdict(set)
    for one in case.evidence.received:
        deliveries[one.recipient_id, one.type].add(one.delivery)
    for row in case.evidence.rows:
        event = SUBSCRIBED.get(row.state)
        if event is not None and not deliveries[row.id, event]:
            yield Finding(Promise.UNTOLD, str(row.id), f"the receiver never got {event}; {case.describe(row)}")
    for (recipient_id, event), ids in deliveries.items():
        if len(ids) > 1:
            yield Finding(Promise.INVARIANT, str(recipient_id), f"{event} came under {len(ids)} ids")


RULES = (
    _every_promise_is_kept,
    _every_key_is_one_mail,
    _who_is_withheld_is_suppressed,
    _no_recipient_gets_it_twice,
    _no_email_leaves_after_suppression,
    _what_ses_took_is_known,
    _what_is_said_to_be_sent_was_taken,
    _what_ended_unsent_was_not_taken,
    _what_failed_was_refused,
    _everything_has_ended,
    _who_is_to_blame_is_listed,
    _the_application_learns,
)
