"""Would a mail to these addresses be sent now, and if not, why? Asked before a send, for many at a time.

It answers from the list as it is committed, with one statement and whatever Redis says. It sends and stores nothing
and promises nothing: what counts is the list at the time of the claim. An application learns of its own streams and of
what holds for every mail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.address import Address, InvalidAddress, parse_mailbox
from app.domain.callers import Caller, Scope
from app.domain.suppression import scope_of
from app.domain.typos import meant
from app.services.gate import Addressee, Gate
from app.services.mail_hosts import MailHosts
from app.store.suppressions import Suppression

DEFAULT_STREAM = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a mail would not be sent.

    `code` is `invalid`, `suppressed`, `domain_suppressed` or `under_review`; `rule` is set for the first alone, the
    members of the list's entry for all others.
    """

    code: str
    detail: str
    rule: str | None = None
    origin: str | None = None
    scope: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What would become of a mail to one address, `given` as it came and `email` as the list knows it.

    `did_you_mean` is the whole address with the domain that was probably meant. `no_mx`: the domain takes no mail, says
    the DNS; None when it was not asked. Neither keeps a mail from being sent.
    """

    given: str
    email: str | None
    obstacle: Obstacle | None
    did_you_mean: str | None = None
    no_mx: bool | None = None

    @property
    def would_send(self) -> bool:
        """Whether a mail would be sent."""
        return self.obstacle is None


class Check:
    """Answers for addresses. `mail_hosts` is None where the DNS is not asked."""

    def __init__(self, *, gate: Gate, mail_hosts: MailHosts | None) -> None:
        self._gate = gate
        self._mail_hosts = mail_hosts

    def __call__(
        self, caller: Caller, given: Sequence[str], *, app: str | None = None, stream: str | None = None
    ) -> tuple[Checked, ...]:
        """One answer for each address, in their order; for a mail of `stream` of the caller's application.

        `app` names another application, for an admin. Raises `ServiceUnavailable`.
        """
        caller.require(Scope.SUPPRESSIONS_READ)
        scope = scope_of(app if app and caller.is_admin else caller.app, stream or DEFAULT_STREAM)
        read = {text: _read(text) for text in given}
        addresses = [one for one in read.values() if isinstance(one, Address)]
        listed = self._gate.listed([Addressee(one.key, scope) for one in addresses]) if addresses else {}
        dead = self._mail_hosts.without(one.domain for one in addresses) if self._mail_hosts else None
        return tuple(
            _checked(text, one, listed.get(Addressee(one.key, scope)), dead)
            if isinstance(one, Address)
            else Checked(given=text, email=None, obstacle=one)
            for text, one in ((text, read[text]) for text in given)
        )

    def close(self) -> None:
        """Ask the DNS nothing more."""
        if self._mail_hosts:
            self._mail_hosts.close()


def _read(text: str) -> Address | Obstacle:
    try:
        return parse_mailbox(text).address
    except InvalidAddress as error:
        return Obstacle(code="invalid", detail=str(error), rule=error.code)


def _checked(given: str, address: Address, entry: Suppression | None, dead: frozenset[str] | None) -> Checked:
    suggestion = meant(address.domain)
    return Checked(
        given=given,
        email=address.key,
        obstacle=_obstacle(entry) if entry else None,
        did_you_mean=f"{address.envelope.rpartition('@')[0]}@{suggestion}" if suggestion else None,
        no_mx=None if dead is None else address.domain in dead,
    )


def _obstacle(entry: Suppression) -> Obstacle:
    code, what = "suppressed", "The address is on the suppression list"
    if entry.key.startswith("@"):
        code, what = "domain_suppressed", f"The whole domain {entry.key[1:]} is on the suppression list"
    elif entry.review_id is not None:
        code, what = "under_review", "Many addresses of this domain bounced at once; a person has yet to decide"
    return Obstacle(
        code=code,
        detail=f"{what} ({entry.origin}).",
        origin=entry.origin,
        scope=entry.scope,
        since=entry.created_at,
        until=entry.expires_at,
    )
