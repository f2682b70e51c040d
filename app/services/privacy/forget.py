"""Forget a person: everything that names the address is erased, and what has to stay stays under a pseudonym.

It decides the order: waiting mail is canceled first, then SES's own list lets the address go, then the rows are
rewritten in one transaction, then every other text is looked through. Each step may be repeated, so a call that failed
half-way is simply made again. Whoever was suppressed stays suppressed: nobody has to know an address to refuse it.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from uuid import UUID

from sqlalchemy import Connection

from app.aws.account import SesAccount
from app.domain.address import InvalidAddress, parse_address
from app.domain.callers import Caller, Scope
from app.domain.delivery import WAITING, Event, Facts, State
from app.domain.errors import Conflict, ServiceUnavailable
from app.domain.pseudonym import Person
from app.domain.suppression import EVERY_MAIL, Origin
from app.services.advance import advance
from app.services.entries import check_reason, invalid
from app.store import attempts, audit, erasure, mentions, recipients, suppressions
from app.store.db import Database, clock
from app.store.erasure import Erased
from app.store.positives import Positives
from app.store.pseudonyms import Pseudonyms
from app.store.recipients import Recipient
from app.store.suppressions import NewSuppression

_CANCELED = "Canceled: the recipient asked to be forgotten."


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An entry that holds on under the pseudonym."""

    scope: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What forgetting came to.

    `suppressed` are the entries that still hold mail back. `ses_account` says whether SES's own list has let the
    address go: `removed`, `absent`, or `kept` when it was not to be asked. `compacted` is False where the database
    file may still hold old text in unused pages, None where that is the server's affair.
    """

    pseudonym: str
    canceled: int
    erased: Erased
    mentions: int
    suppressed: tuple[Kept, ...]
    ses_account: str
    compacted: bool | None


class Forget:
    """Forgets people."""

    def __init__(
        self, *, database: Database, positives: Positives, pseudonyms: Pseudonyms, account: SesAccount
    ) -> None:
        self._database = database
        self._positives = positives
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
        """Forget the person at this address. With `suppress` nobody writes to them again, whoever may have till now.

        Raises `ValidationFailed` without a reason, `Conflict` while mail may be on its way to them, and
        `ServiceUnavailable` while the database or SES is away. What was done till then stays done; ask again.
        """
        caller.require(Scope.ADMIN)
        person = self._person(email)
        why = person.taken_out_of(check_reason(reason))
        if not why:
            raise invalid("/reason", "required", "To forget a person needs a reason; it is kept in the audit.")
        progress("canceling mail that waits")
        canceled = self._cancel(person)
        progress("asking SES to let the address go")
        at_ses = self._remove_at_ses(person) if ask_ses else "kept"
        progress("erasing what is known of the person")
        erased = self._erase(caller, person, why, suppress=suppress)
        passing = self._erase_mentions(person, progress)
        # News that was being settled meanwhile.
        late = self._erase_rest(person)
        progress("rewriting the database file")
        return Forgotten(
            pseudonym=person.pseudonym,
            canceled=canceled,
            erased=_sum(erased, late),
            mentions=passing,
            suppressed=self._kept(person),
            ses_account=at_ses,
            compacted=self._database.compact(),
        )

    def _person(self, email: str) -> Person:
        try:
            key = parse_address(email).key
        except InvalidAddress as error:
            raise invalid("/email", error.code, str(error)) from error
        return Person(key=key, pseudonym=self._pseudonyms(key))

    def _cancel(self, person: Person) -> int:
        """Take back all that waits; how many. What has been canceled stays so, also when other mail is on its way."""
        with self._database.transaction() as connection:
            mail = recipients.lock_of_key(connection, person.key)
            canceled = _cancel_all(connection, mail)
            recipients.save(connection, list(canceled.values()))
        _require_none_on_its_way({**mail, **canceled})
        return len(canceled)

    def _remove_at_ses(self, person: Person) -> str:
        with self._database.reading() as connection:
            spellings = sorted(erasure.spellings_at_ses(connection, person))
        try:
            found = [self._account.remove_suppressed(one) for one in spellings]
        except ServiceUnavailable as error:
            told = f"{error.detail}. Nothing was erased: ask again, or leave the address on SES's list."
            raise ServiceUnavailable(told, retry_after=error.retry_after) from error
        return "removed" if any(found) else "absent"

    def _erase(self, caller: Caller, person: Person, why: str, *, suppress: bool) -> Erased:
        with self._database.transaction() as connection:
            _require_none_on_its_way(recipients.lock_of_key(connection, person.key))
            erased = erasure.erase(connection, person)
            if suppress:
                suppressions.put(connection, _objection(person, caller))
            if suppressions.live(connection, person.pseudonym):
                # Before the commit: once it is committed, acceptance finds it in Redis and asks SQL.
                self._positives.add([person.pseudonym])
            audit.write(
                connection,
                actor=caller.actor,
                action=erasure.FORGET,
                key=person.pseudonym,
                reason=why,
                data=asdict(erased) | {"suppressed": suppress},
            )
        self._positives.remove([person.key])
        return erased

    def _erase_rest(self, person: Person) -> Erased:
        """What was written about the person since, but for mail that was taken in for the address again."""
        with self._database.transaction() as connection:
            again = recipients.lock_of_key(connection, person.key)
            erased = Erased() if again else erasure.erase(connection, person)
            live = suppressions.live(connection, person.key)
        if live:
            self._positives.add([person.key])
        return erased

    def _erase_mentions(self, person: Person, progress: Callable[[str], None]) -> int:
        found = 0
        for table in mentions.tables():
            progress(f"looking through {table.name}")
            with self._database.reading() as connection:
                keys = mentions.find(connection, table, person)
            if keys:
                with self._database.transaction() as connection:
                    found += mentions.erase(connection, table, keys, person)
        return found

    def _kept(self, person: Person) -> tuple[Kept, ...]:
        with self._database.reading() as connection:
            live = suppressions.live(connection, person.pseudonym)
        return tuple(Kept(scope=one.scope, origin=one.origin) for one in live)


def _cancel_all(connection: Connection, mail: dict[UUID, Recipient]) -> dict[UUID, Recipient]:
    now = clock(connection)
    flying = attempts.still_open(connection, [row.id for row in mail.values() if row.state in WAITING])
    canceled: dict[UUID, Recipient] = {}
    for row in mail.values():
        event = Event.DISCARD if row.state is State.HELD else Event.CANCEL
        facts = Facts(attempt_open=row.id in flying, taken_by_ses=row.ses_message_id is not None)
        if moved := advance(row, event, facts, now=now, reason=_CANCELED):
            canceled[row.id] = moved
    return canceled


def _require_none_on_its_way(mail: dict[UUID, Recipient]) -> None:
    on_its_way = sorted({str(row.email_id) for row in mail.values() if row.state in WAITING})
    if on_its_way:
        raise Conflict(
            f"{len(on_its_way)} mails may be on their way to this person ({_few(on_its_way)}); all else that waited is "
            "canceled. Ask again in a minute; mail whose fate is not known is settled by SES's events, or held within "
            "a day."
        )


def _few(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")


def _objection(person: Person, caller: Caller) -> NewSuppression:
    return NewSuppression(
        key=person.pseudonym,
        scope=EVERY_MAIL,
        address=person.pseudonym,
        origin=Origin.ERASURE,
        reason="The person asked to be forgotten and not to be written to again.",
        actor=caller.actor,
        source={"actor": caller.actor},
    )


def _sum(one: Erased, other: Erased) -> Erased:
    return Erased(**{field.name: getattr(one, field.name) + getattr(other, field.name) for field in fields(Erased)})
