"""Explain why no email is sent to an address: every layer that may block it, and how to unsuppress it there.

This module changes nothing. An application learns what applies to its own emails. Facts about the address are shared by
all applications, as the list is. But the emails and streams of another application, and what servers replied to its
emails, are not shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.aws.ses.account import SesAccount
from app.domain.account.sync_progress import SyncPosition
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import RestrictedApiKey
from app.domain.feedback.bounce_reader import BounceReader
from app.domain.message.address import Address, InvalidAddress, parse_address
from app.domain.suppression.rules import EVERY_EMAIL, decisive, scope_of, scopes_around
from app.services.suppression.address_pauses import counting
from app.services.suppression.disclosure import foreign_entries, source_email
from app.services.suppression.entries import invalid, visible
from app.services.suppression.explanation.address_layers import AddressFacts, layers
from app.services.suppression.explanation.layer import Layer, LayerName, LayerVerdict
from app.services.suppression.explanation.sending_layers import LAST_EMAILS, Emails, SendingFacts, sending_layers
from app.store.account.ses_list import CURSOR
from app.store.engine.database import Database, clock
from app.store.operating import job_cursors
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.sending import circuits
from app.store.submission import last_emails
from app.store.suppression import address_history, covered_unsubscribes, suppressions
from app.store.suppression.address_history import AddressEvent
from app.store.suppression.suppressions import Suppression


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Which emails the question is about: those of an application and of one of its streams; None for any.

    `live` asks SES itself about its own list, which takes a second for each spelling of the address; `patience_s`
    bounds the wait.
    """

    app: str | None = None
    stream: str | None = None
    live: bool = False
    patience_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LastEvent:
    """The latest event about the address."""

    at: datetime
    type: str
    detail: str
    effect: str
    email_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What would happen to an email to this address now, layer by layer, and in one sentence.

    `would_send`: whether Postern would hand it to SES. `except_in`: the scopes in which it would not, although it would
    elsewhere.
    """

    email: str
    app: str | None
    stream: str | None
    would_send: bool
    except_in: tuple[str, ...]
    conclusion: str
    layers: tuple[Layer, ...]
    last_event: LastEvent | None


class Explain:
    """Explains whether and why an address is suppressed."""

    def __init__(
        self, *, database: Database, pseudonyms: Pseudonyms, account: SesAccount, bounces: BounceReader
    ) -> None:
        self._database = database
        self._bounces = bounces
        self._pseudonyms = pseudonyms
        self._account = account

    def __call__(self, caller: Caller, email: str, ask: Ask = Ask()) -> Explanation:
        """The verdict of every layer. Raises `ValidationFailed`, and `RestrictedApiKey` for what needs `admin`."""
        caller.require(Scope.SUPPRESSIONS_READ)
        address, app = _address(email), _whose(caller, ask)
        names = (address.key, self._pseudonyms(address.key))
        with self._database.reading() as connection:
            entries = suppressions.live(connection, *names, f"@{address.domain}")
            concerning = [one for one in visible(caller, entries) if _concerns(one.scope, app, ask.stream)]
            concerning.sort(key=lambda one: (one.scope != EVERY_EMAIL, "/" in one.scope, one.scope))
            facts = self._facts(connection, caller, address, names, concerning)
            sending = self._sending(connection, caller, address, Emails(app, ask.stream))
        if ask.live:
            facts = facts.asked_live(self._account, patience_s=ask.patience_s)
        verdicts = (*layers(facts), *sending_layers(sending))
        blocking = decisive([one for one in concerning if _holds_for_all(one.scope, app, ask.stream)])
        except_in = tuple(dict.fromkeys(one.scope for one in concerning)) if blocking is None else ()
        return Explanation(
            email=email,
            app=app,
            stream=ask.stream,
            would_send=blocking is None and not sending.all_wait,
            except_in=except_in,
            conclusion=_conclusion(blocking, except_in, verdicts),
            layers=verdicts,
            last_event=_last(facts.events),
        )

    def _facts(
        self,
        connection: Connection,
        caller: Caller,
        address: Address,
        names: Sequence[str],
        entries: Sequence[Suppression],
    ) -> AddressFacts:
        own = None if caller.is_admin else caller.app_id
        emails = [email for one in entries if (email := source_email(one))]
        owners = address_history.apps_of(connection, emails) if emails else {}
        at_ses = SyncPosition.from_json(job_cursors.read(connection, CURSOR))
        return AddressFacts(
            address=address,
            now=clock(connection),
            entries=tuple(entries),
            covering=frozenset(covered_unsubscribes.covered(connection, [one.id for one in entries])),
            emails=frozenset(email for email, owner in owners.items() if own in {None, owner}),
            foreign=foreign_entries(connection, caller, entries),
            reviews=address_history.reviews_of(connection, {one.review_id for one in entries if one.review_id}),
            at_ses=address_history.at_ses(connection, address.key),
            ses_read_at=at_ses.listed_at,
            switched_off=at_ses.switched_off,
            events=_own_events(address_history.recent_events(connection, names), own),
            bounces=self._bounces,
            counting=counting(connection, address.key),
        )

    def _sending(self, connection: Connection, caller: Caller, address: Address, concerning: Emails) -> SendingFacts:
        own = None if caller.is_admin else caller.app_id
        return SendingFacts(
            emails=concerning,
            waiting=circuits.all_open(connection),
            last=last_emails.to_address(connection, address.key, app_id=own, limit=LAST_EMAILS),
        )


def _address(email: str) -> Address:
    try:
        return parse_address(email)
    except InvalidAddress as error:
        raise invalid("/email", error.code, str(error)) from error


def _whose(caller: Caller, ask: Ask) -> str | None:
    """The application whose emails the question is about; None for any, which only an admin may ask."""
    if caller.is_admin:
        if ask.stream and not ask.app:
            raise invalid("/app", "required", "A stream belongs to an application: name the application too.")
        return ask.app
    if ask.live:
        raise RestrictedApiKey(f"Asking SES itself needs a key with the scope {Scope.ADMIN}; leave `live` out.")
    if ask.app not in {None, caller.app}:
        raise RestrictedApiKey("An application may ask about its own emails only; leave `app` out.")
    return caller.app


def _concerns(scope: str, app: str | None, stream: str | None) -> bool:
    """Whether an entry of this scope blocks some of the emails in question."""
    if app is None or scope in {EVERY_EMAIL, app}:
        return True
    return scope == scope_of(app, stream) if stream else scope.startswith(scope_of(app, ""))


def _holds_for_all(scope: str, app: str | None, stream: str | None) -> bool:
    """Whether an entry of this scope blocks all of the emails in question."""
    if app is None:
        return scope == EVERY_EMAIL
    return scope in scopes_around(scope_of(app, stream or ""))[: 3 if stream else 2]


def _own_events(events: Iterable[AddressEvent], own: UUID | None) -> tuple[AddressEvent, ...]:
    return tuple(one for one in events if own is None or one.app_id == own)


def _conclusion(blocking: Suppression | None, except_in: Sequence[str], verdicts: Sequence[Layer]) -> str:
    if blocking is not None:
        where = "every email" if blocking.scope == EVERY_EMAIL else blocking.scope
        return f"No email is sent: {blocking.origin}, for {where}."
    waits = [layer for layer in verdicts if layer.verdict is LayerVerdict.DELAYS]
    if waits:
        return f"An email would be kept, and sent later. {waits[0].summary}"
    at_ses = [layer for layer in verdicts if layer.name is LayerName.SES_ACCOUNT]
    warnings = [layer.summary for layer in at_ses if layer.verdict is LayerVerdict.WARNS]
    if warnings:
        return f"An email would be handed to SES, but SES would not deliver it. {warnings[0]}"
    if except_in:
        return f"An email would be sent, but not in {', '.join(except_in)}."
    return "An email would be sent."


def _last(events: Sequence[AddressEvent]) -> LastEvent | None:
    if not events:
        return None
    one = events[0]
    return LastEvent(at=one.occurred_at, type=one.type, detail=one.detail, effect=one.effect, email_id=one.email_id)
