"""Forget people: erase everything that names their addresses, and keep what has to stay under a pseudonym.

This module decides the order. First waiting emails are canceled, then the address is removed from SES's own list, then
the rows are rewritten in one transaction. Then every other text is searched, for many people at once, since that takes
minutes. Each step may be repeated, so a call that failed half-way is simply made again. A suppressed address stays
suppressed: the pseudonym is enough to refuse it.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from app.aws.ses.account import SesAccount
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict, ServiceUnavailable
from app.domain.message.address import InvalidAddress, parse_address
from app.domain.privacy.pseudonym import Person
from app.domain.sending.state_machine import WAITING, Event, State, TransitionFacts
from app.domain.suppression.rules import EVERY_EMAIL, Origin
from app.services.moves import moves_of, note_moves
from app.services.privacy.forget_counts import Forgotten, ForgottenTogether, Kept, Refused
from app.services.sending.transition import advance
from app.services.suppression.entries import check_reason, invalid
from app.services.suppression.list_writer import ListWriter
from app.store.engine.database import Database, clock
from app.store.operating import audit
from app.store.privacy import erasure, free_text
from app.store.privacy.erasure import Erased
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.sending import attempts, recipients
from app.store.sending.recipients import Recipient
from app.store.suppression import suppressions
from app.store.suppression.suppressions import NewSuppression

MOST_AT_ONCE: Final = 200
"""Each text is compared with every spelling of each address, so a page of rows takes some seconds with as many."""

T = TypeVar("T")
Steps = Generator[str, None, T]
"""Work that says each step before it is done, and returns its result. It goes on while it is read."""

_COMPACTING = "rewriting the database file"
_CANCELED = "Canceled: the recipient asked to be forgotten."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Started:
    """A person whose rows are erased, and whose mentions in texts are still to be erased."""

    person: Person
    canceled: int
    at_ses: str
    erased: Erased


class Forget:
    """Forgets people."""

    def __init__(self, *, database: Database, writer: ListWriter, pseudonyms: Pseudonyms, account: SesAccount) -> None:
        self._database = database
        self._writer = writer
        self._pseudonyms = pseudonyms
        self._account = account

    def __call__(
        self,
        caller: Caller,
        email: str,
        *,
        reason: str | None,
        suppress: bool = False,
        ask_ses: bool = True,
        progress: Callable[[str], None] = lambda _: None,
    ) -> Forgotten:
        """Forget the person at this address. With `suppress` no application can send to them any more.

        Raises `ValidationFailed` without a reason, `Conflict` while an email may be on its way to them, and
        `ServiceUnavailable` while the database or SES is away. What was done until then stays done; call again.
        """
        steps = self.steps(caller, email, reason=reason, suppress=suppress, ask_ses=ask_ses, progress=progress)
        return run(steps, progress)

    def steps(
        self,
        caller: Caller,
        email: str,
        *,
        reason: str | None,
        suppress: bool = False,
        ask_ses: bool = True,
        progress: Callable[[str], None] = lambda _: None,
    ) -> Steps[Forgotten]:
        """Do at once what names the person in rows of theirs; the steps that it returns search all other texts.

        The search takes minutes, and goes on while the steps are read to their end. Raises at once as a call does; the
        steps raise `ServiceUnavailable`.
        """
        person, why = self._asked(caller, email, reason)
        return self._search(self._start(caller, person, why, suppress=suppress, ask_ses=ask_ses, progress=progress))

    def _search(self, started: _Started) -> Steps[Forgotten]:
        found = yield from self._erase_mentions([started.person])
        done = self._finish(started)
        yield _COMPACTING
        return replace(done, mentions=found, compacted=self._database.compact())

    def several(
        self,
        caller: Caller,
        emails: Sequence[str],
        *,
        reason: str | None,
        suppress: bool = False,
        ask_ses: bool = True,
        progress: Callable[[str], None] = lambda _: None,
    ) -> ForgottenTogether:
        """Forget the people at these addresses, at most `MOST_AT_ONCE`, and search all texts once for all of them.

        A person who cannot be forgotten now does not stop the others, and is among the `refused` of the result. Raises
        `ValidationFailed`, before anything is done, for an invalid address, too many of them or a missing reason; and
        `ServiceUnavailable`.
        """
        if not 0 < len(emails) <= MOST_AT_ONCE:
            raise invalid("/emails", "count", f"From 1 to {MOST_AT_ONCE:,} addresses can be forgotten at once.")
        asked = {email: self._asked(caller, email, reason) for email in dict.fromkeys(emails)}
        of_each = {person.key: email for email, (person, _) in asked.items()}
        started: list[_Started] = []
        refused: list[Refused] = []
        # The same reason is stored for each person, so it must not name any of them.
        why = asked[emails[0]][1]
        for person, _ in asked.values():
            why = person.taken_out_of(why)
        for number, email in enumerate(of_each.values(), 1):
            step = partial(_in_turn, progress, f"person {number} of {len(of_each)}")
            person, _ = asked[email]
            try:
                started.append(self._start(caller, person, why, suppress=suppress, ask_ses=ask_ses, progress=step))
            except (Conflict, ServiceUnavailable) as error:
                refused.append(Refused(email=email, why=error.detail))
        found = run(self._erase_mentions([one.person for one in started]), progress) if started else 0
        done = tuple(self._finish(one) for one in started)
        progress(_COMPACTING)
        return ForgottenTogether(done=done, refused=tuple(refused), mentions=found, compacted=self._database.compact())

    def _asked(self, caller: Caller, email: str, reason: str | None) -> tuple[Person, str]:
        """The person, and the reason without their address."""
        caller.require(Scope.ADMIN)
        person = self._person(email)
        why: str = person.taken_out_of(check_reason(reason))
        if not why:
            raise invalid("/reason", "required", "Forgetting a person needs a reason, which is kept in the audit.")
        return person, why

    def _start(
        self,
        caller: Caller,
        person: Person,
        why: str,
        *,
        suppress: bool,
        ask_ses: bool,
        progress: Callable[[str], None],
    ) -> _Started:
        progress("canceling waiting emails")
        canceled = self._cancel(person)
        progress("removing the address from SES's list")
        at_ses = self._remove_at_ses(person) if ask_ses else "kept"
        progress("erasing what is known of the person")
        erased = self._erase(caller, person, why, suppress=suppress)
        return _Started(person=person, canceled=canceled, at_ses=at_ses, erased=erased)

    def _finish(self, started: _Started) -> Forgotten:
        """Erase what was written meanwhile by notifications that were being settled, and sum up."""
        late = self._erase_rest(started.person)
        return Forgotten(
            pseudonym=started.person.pseudonym,
            canceled=started.canceled,
            erased=_sum(started.erased, late),
            mentions=0,
            suppressed=self._kept(started.person),
            ses_account=started.at_ses,
            compacted=None,
        )

    def _person(self, email: str) -> Person:
        try:
            key = parse_address(email).key
        except InvalidAddress as error:
            raise invalid("/email", error.code, str(error)) from error
        return Person(key=key, pseudonym=self._pseudonyms(key))

    def _cancel(self, person: Person) -> int:
        """Cancel all waiting emails; return how many. They stay canceled even when it raises `Conflict`."""
        with self._database.transaction() as connection:
            rows = recipients.lock_of_key(connection, person.key)
            canceled = _cancel_all(connection, rows)
            recipients.save(connection, list(canceled.values()))
            note_moves(connection, moves_of(rows, canceled.values()))
        _require_none_on_its_way({**rows, **canceled})
        return len(canceled)

    def _remove_at_ses(self, person: Person) -> str:
        with self._database.reading() as connection:
            spellings = sorted(erasure.spellings_at_ses(connection, person))
        try:
            found = [self._account.remove_suppressed(one) for one in spellings]
        except ServiceUnavailable as error:
            detail = f"{error.detail}. Nothing was erased: try again, or leave the address on SES's list."
            raise ServiceUnavailable(detail, retry_after=error.retry_after) from error
        return "removed" if any(found) else "absent"

    def _erase(self, caller: Caller, person: Person, why: str, *, suppress: bool) -> Erased:
        with self._database.transaction() as connection:
            _require_none_on_its_way(recipients.lock_of_key(connection, person.key))
            erased = erasure.erase(connection, person)
            if suppress:
                self._writer.put(connection, _objection(person, caller))
            self._writer.remember_live(connection, person.pseudonym)
            audit.write(
                connection,
                actor=caller.actor,
                action=erasure.FORGET,
                key=person.pseudonym,
                reason=why,
                data=asdict(erased) | {"suppressed": suppress},
            )
        self._writer.evict([person.key])
        return erased

    def _erase_rest(self, person: Person) -> Erased:
        """Erase what was written about the person since, unless an email was accepted for the address again."""
        with self._database.transaction() as connection:
            again = recipients.lock_of_key(connection, person.key)
            erased = Erased() if again else erasure.erase(connection, person)
            self._writer.remember_live(connection, person.key)
        return erased

    def _erase_mentions(self, persons: Sequence[Person]) -> Steps[int]:
        """Erase the people from every text, a page of rows at a time; return how many rows named them."""
        erased = 0
        for table in free_text.tables():
            after, looked_at = None, 0
            while True:
                yield f"looking through {table.name}: {looked_at:,} rows so far"
                with self._database.reading() as connection:
                    found = free_text.find(connection, table, persons, after=after)
                if found.keys:
                    with self._database.transaction() as connection:
                        erased += free_text.erase(connection, table, found.keys, persons)
                after, looked_at = found.last, looked_at + free_text.PAGE
                if after is None:
                    break
        return erased

    def _kept(self, person: Person) -> tuple[Kept, ...]:
        with self._database.reading() as connection:
            live = suppressions.live(connection, person.pseudonym)
        return tuple(Kept(scope=one.scope, origin=one.origin) for one in live)


def run(steps: Steps[T], progress: Callable[[str], None] = lambda _: None) -> T:
    """Do all steps that are left, and return the result."""
    while True:
        try:
            step = next(steps)
        except StopIteration as ended:
            result: T = ended.value
            return result
        progress(step)


def _cancel_all(connection: Connection, rows: dict[UUID, Recipient]) -> dict[UUID, Recipient]:
    now = clock(connection)
    open_attempts = attempts.still_open(connection, [row.id for row in rows.values() if row.state in WAITING])
    canceled: dict[UUID, Recipient] = {}
    for row in rows.values():
        event = Event.DISCARD if row.state is State.HELD else Event.CANCEL
        facts = TransitionFacts(attempt_open=row.id in open_attempts, taken_by_ses=row.ses_message_id is not None)
        if moved := advance(row, event, facts, now=now, reason=_CANCELED):
            canceled[row.id] = moved
    return canceled


def _require_none_on_its_way(rows: dict[UUID, Recipient]) -> None:
    on_its_way = sorted({str(row.email_id) for row in rows.values() if row.state in WAITING})
    if on_its_way:
        raise Conflict(
            f"{len(on_its_way)} emails may be on their way to this person ({_few(on_its_way)}); all others that waited "
            "are canceled. Try again in a minute; an email with an unknown outcome is settled by SES's events, or held "
            "within a day."
        )


def _in_turn(progress: Callable[[str], None], whose: str, step: str) -> None:
    progress(f"{step} ({whose})")


def _few(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")


def _objection(person: Person, caller: Caller) -> NewSuppression:
    return NewSuppression(
        key=person.pseudonym,
        scope=EVERY_EMAIL,
        address=person.pseudonym,
        origin=Origin.ERASURE,
        reason="The person asked to be forgotten and to receive no more emails.",
        actor=caller.actor,
        source={"actor": caller.actor},
    )


def _sum(one: Erased, other: Erased) -> Erased:
    return Erased(**{field.name: getattr(one, field.name) + getattr(other, field.name) for field in fields(Erased)})
