"""Why is no mail sent to this address? Every layer that may hold it back is asked in turn, and says who can lift it.

It changes nothing. An application learns what holds for its own mail; facts about the address are everybody's, as the
list is, but no mail of another application, no stream of it and no word of a server about its mail is told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.aws.account import SesAccount
from app.domain.address import Address, InvalidAddress, parse_address
from app.domain.callers import Caller, Scope
from app.domain.errors import RestrictedApiKey
from app.domain.lifting import Lift
from app.domain.suppression import EVERY_MAIL, decisive, scope_of, scopes_around
from app.services.disclosure import source_mail
from app.services.entries import invalid, visible
from app.services.layers import Facts, Layer, LayerName, Verdict, layers
from app.services.soft_bounces import counting
from app.services.sync import CURSOR
from app.services.sync_place import Place
from app.store import covered, cursors, evidence, suppressions
from app.store.db import Database, clock
from app.store.evidence import Heard
from app.store.pseudonyms import Pseudonyms
from app.store.suppressions import Suppression

__all__ = ["Ask", "Explain", "Explanation", "Layer", "LayerName", "Lift", "News", "Verdict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What mail is meant: of an application, and of a stream of it; None for any.

    `live` asks SES itself for its own list, which takes a second for each spelling.
    """

    app: str | None = None
    stream: str | None = None
    live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """The last that was heard of the address."""

    at: datetime
    type: str
    detail: str
    effect: str
    email_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What becomes of a mail to this address now, layer by layer, and in one sentence.

    `would_send` is whether Postern hands it to SES; `except_in` are scopes in which it does not although it would
    elsewhere.
    """

    email: str
    app: str | None
    stream: str | None
    would_send: bool
    except_in: tuple[str, ...]
    conclusion: str
    layers: tuple[Layer, ...]
    last_news: News | None


class Explain:
    """Explains."""

    def __init__(self, *, database: Database, pseudonyms: Pseudonyms, account: SesAccount) -> None:
        self._database = database
        self._pseudonyms = pseudonyms
        self._account = account

    def __call__(self, caller: Caller, email: str, ask: Ask = Ask()) -> Explanation:
        """Ask every layer. Raises `ValidationFailed`, and `RestrictedApiKey` for what takes `admin`."""
        caller.require(Scope.SUPPRESSIONS_READ)
        address, app = _address(email), _whose(caller, ask)
        names = (address.key, self._pseudonyms(address.key))
        with self._database.reading() as connection:
            entries = suppressions.live(connection, *names, f"@{address.domain}")
            concerning = [one for one in visible(caller, entries) if _concerns(one.scope, app, ask.stream)]
            concerning.sort(key=lambda one: (one.scope != EVERY_MAIL, "/" in one.scope, one.scope))
            facts = self._facts(connection, caller, address, names, concerning)
        if ask.live:
            facts = facts.asked_live(self._account)
        told = layers(facts)
        blocking = decisive([one for one in concerning if _holds_for_all(one.scope, app, ask.stream)])
        except_in = tuple(dict.fromkeys(one.scope for one in concerning)) if blocking is None else ()
        return Explanation(
            email=email,
            app=app,
            stream=ask.stream,
            would_send=blocking is None,
            except_in=except_in,
            conclusion=_conclusion(blocking, except_in, told),
            layers=told,
            last_news=_last(facts.heard),
        )

    def _facts(
        self,
        connection: Connection,
        caller: Caller,
        address: Address,
        names: Sequence[str],
        entries: Sequence[Suppression],
    ) -> Facts:
        own = None if caller.is_admin else caller.app_id
        mails = [mail for one in entries if (mail := source_mail(one))]
        owners = evidence.apps_of(connection, mails) if mails else {}
        return Facts(
            address=address,
            now=clock(connection),
            entries=tuple(entries),
            covering=frozenset(covered.covered(connection, [one.id for one in entries])),
            mails=frozenset(mail for mail, owner in owners.items() if own in {None, owner}),
            foreign=frozenset(mail for mail in mails if own is not None and owners.get(mail) != own),
            reviews=evidence.reviews_of(connection, {one.review_id for one in entries if one.review_id}),
            at_ses=evidence.at_ses(connection, address.key),
            ses_read_at=Place.from_json(cursors.read(connection, CURSOR)).listed_at,
            heard=_own_news(evidence.heard(connection, names), own),
            counting=counting(connection, address.key),
        )


def _address(email: str) -> Address:
    try:
        return parse_address(email)
    except InvalidAddress as error:
        raise invalid("/email", error.code, str(error)) from error


def _whose(caller: Caller, ask: Ask) -> str | None:
    """Of which application the mail is; None for any, which takes an admin."""
    if caller.is_admin:
        if ask.stream and not ask.app:
            raise invalid("/app", "required", "A stream is one of an application: name that too.")
        return ask.app
    if ask.live:
        raise RestrictedApiKey(f"To ask SES itself takes a key with the scope {Scope.ADMIN}; leave `live` out.")
    if ask.app not in {None, caller.app}:
        raise RestrictedApiKey("An application asks about its own mail; leave `app` out.")
    return caller.app


def _concerns(scope: str, app: str | None, stream: str | None) -> bool:
    """Whether an entry of this scope holds back some mail that is meant."""
    if app is None or scope in {EVERY_MAIL, app}:
        return True
    return scope == scope_of(app, stream) if stream else scope.startswith(scope_of(app, ""))


def _holds_for_all(scope: str, app: str | None, stream: str | None) -> bool:
    """Whether it holds back all of that mail."""
    if app is None:
        return scope == EVERY_MAIL
    return scope in scopes_around(scope_of(app, stream or ""))[: 3 if stream else 2]


def _own_news(heard: Iterable[Heard], own: UUID | None) -> tuple[Heard, ...]:
    return tuple(one for one in heard if own is None or one.app_id == own)


def _conclusion(blocking: Suppression | None, except_in: Sequence[str], told: Sequence[Layer]) -> str:
    if blocking is not None:
        where = "every mail" if blocking.scope == EVERY_MAIL else blocking.scope
        return f"No mail is sent: {blocking.origin}, for {where}."
    but = [layer.summary for layer in told if layer.name is LayerName.SES_ACCOUNT and layer.verdict is Verdict.WARNS]
    if but:
        return f"A mail would be handed to SES, and SES would not deliver it. {but[0]}"
    return f"A mail would be sent, but not in {', '.join(except_in)}." if except_in else "A mail would be sent."


def _last(heard: Sequence[Heard]) -> News | None:
    if not heard:
        return None
    one = heard[0]
    return News(at=one.occurred_at, type=one.type, detail=one.detail, effect=one.effect, email_id=one.email_id)
