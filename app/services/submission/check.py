"""Would an email to these addresses be sent now, and if not, why? One check takes many addresses.

It answers from the committed list with one statement, whatever Redis says. It sends and stores nothing and promises
nothing: the list at the time of the claim decides. An application sees its own streams and entries that hold for every
email.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.domain.apps.callers import DEFAULT_STREAM, Caller, Scope
from app.domain.message.address import Address, InvalidAddress
from app.domain.message.domain_typos import meant
from app.domain.message.mailboxes import parse_mailbox
from app.domain.suppression.rules import scope_of
from app.services.submission.mx_lookup import MailHosts
from app.services.submission.permissions import OUTSIDE, TEAM_ONLY
from app.services.suppression.gate import Addressee, Gate
from app.store.apps import apps
from app.store.engine.database import Database
from app.store.suppression.suppressions import Suppression


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why an email would not be sent.

    `code` is `invalid`, `not_in_team`, `suppressed`, `domain_suppressed` or `under_review`. `rule` is set for `invalid`
    alone; the last three have the fields of the list's entry.
    """

    code: str
    detail: str
    rule: str | None = None
    origin: str | None = None
    scope: str | None = None
    since: datetime | None = None
    until: datetime | None = None


NOT_IN_TEAM: Final = Obstacle(code=OUTSIDE, detail=TEAM_ONLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What would become of an email to one address: `given` as it came, `email` as the list knows it.

    `did_you_mean` is the whole address with the domain that was probably meant. `no_mx` is true if the DNS says that
    the domain takes no mail, and None if the DNS was not asked. Neither keeps an email from being sent.
    """

    given: str
    email: str | None
    obstacle: Obstacle | None
    did_you_mean: str | None = None
    no_mx: bool | None = None

    @property
    def would_send(self) -> bool:
        """Whether an email would be sent."""
        return self.obstacle is None


class Check:
    """Checks addresses. `mail_hosts` is None where the DNS is not asked."""

    def __init__(self, *, database: Database, gate: Gate, mail_hosts: MailHosts | None) -> None:
        self._database = database
        self._gate = gate
        self._mail_hosts = mail_hosts

    def __call__(
        self, caller: Caller, given: Sequence[str], *, app: str | None = None, stream: str | None = None
    ) -> tuple[Checked, ...]:
        """One answer for each address, in order, for an email of `stream` of the caller's application.

        `app` names another application; only an admin may give it. Without `stream` it is the application's default.
        Raises `ServiceUnavailable`.
        """
        caller.require(Scope.SUPPRESSIONS_READ)
        scope = self._scope(caller, app=app, stream=stream)
        read = {text: _read(text) for text in given}
        addresses = [one for one in read.values() if isinstance(one, Address)]
        listed = self._gate.listed([Addressee(one.key, scope) for one in addresses]) if addresses else {}
        dead = self._mail_hosts.without(one.domain for one in addresses) if self._mail_hosts else None
        return tuple(
            _checked(text, one, _obstacle(caller, one, listed.get(Addressee(one.key, scope))), dead)
            if isinstance(one, Address)
            else Checked(given=text, email=None, obstacle=one)
            for text, one in ((text, read[text]) for text in given)
        )

    def _scope(self, caller: Caller, *, app: str | None, stream: str | None) -> str:
        if app is None or not caller.is_admin:
            return scope_of(caller.app, stream or caller.default_stream)
        if stream is None:
            with self._database.reading() as connection:
                owner = apps.by_name(connection, app)
            stream = owner.default_stream if owner else DEFAULT_STREAM
        return scope_of(app, stream)

    def close(self) -> None:
        """Stop asking the DNS."""
        if self._mail_hosts:
            self._mail_hosts.close()


def _read(text: str) -> Address | Obstacle:
    try:
        return parse_mailbox(text).address
    except InvalidAddress as error:
        return Obstacle(code="invalid", detail=str(error), rule=error.code)


def _obstacle(caller: Caller, address: Address, entry: Suppression | None) -> Obstacle | None:
    if not caller.may_write_to(address.key):
        return NOT_IN_TEAM
    return obstacle_of(entry) if entry else None


def _checked(given: str, address: Address, obstacle: Obstacle | None, dead: frozenset[str] | None) -> Checked:
    suggestion = meant(address.domain)
    return Checked(
        given=given,
        email=address.key,
        obstacle=obstacle,
        did_you_mean=f"{address.envelope.rpartition('@')[0]}@{suggestion}" if suggestion else None,
        no_mx=None if dead is None else address.domain in dead,
    )


def obstacle_of(entry: Suppression) -> Obstacle:
    """Why an email to an address with this entry would not be sent."""
    code, summary = "suppressed", "The address is on the suppression list"
    if entry.key.startswith("@"):
        code, summary = "domain_suppressed", f"The whole domain {entry.key[1:]} is on the suppression list"
    elif entry.review_id is not None:
        code, summary = "under_review", "Many addresses of this domain bounced at once; a person has yet to decide"
    return Obstacle(
        code=code,
        detail=f"{summary} ({entry.origin}).",
        origin=entry.origin,
        scope=entry.scope,
        since=entry.created_at,
        until=entry.expires_at,
    )
