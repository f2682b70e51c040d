"""The authenticated caller of a request, and what it may do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.domain.apps.key_kinds import KeyKind
from app.domain.apps.limits import Limits
from app.domain.errors import RestrictedApiKey
from app.domain.message.address import parse_address
from app.domain.sending.trying import TEST_LANE, Mode
from app.domain.sending.unconfirmed_policy import OnUnconfirmed

DEFAULT_STREAM: Final = "default"
"""The stream of an email that names none, unless its application has another."""


class Scope(StrEnum):
    """What an API key may be used for. `admin` includes all others, for every application.

    `ses` and `smtp` are doors: what a key may do there its other scopes say.
    """

    EMAILS_SEND = "emails:send"
    EMAILS_READ = "emails:read"
    SUPPRESSIONS_READ = "suppressions:read"
    SUPPRESSIONS_WRITE = "suppressions:write"
    WEBHOOKS_WRITE = "webhooks:write"
    METRICS_READ = "metrics:read"
    SES = "ses"
    SMTP = "smtp"
    ADMIN = "admin"


def parse_sender(text: str) -> str:
    """A From address, `@domain` or `*` as applications are given them, normalised. Raises `InvalidAddress`."""
    return text if text == "*" else parse_member(text)


def parse_member(text: str) -> str:
    """An address or `@domain` of a team, normalised. Raises `InvalidAddress`."""
    domain_only = text.startswith("@")
    address = parse_address(f"any{text}" if domain_only else text)
    return f"@{address.domain}" if domain_only else address.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated API key, or the operator at the command line.

    `actor` is what the audit records (`key:<public id>`, `cli:<user>`). `senders` are the From addresses and domains
    that the application may use, normalised; `@example.com` allows a domain, `*` every address. `team` are those that a
    key of the kind `team` writes to, without `*`. `limits` is None for an application without any.
    """

    actor: str
    app_id: UUID
    app: str
    scopes: frozenset[Scope]
    senders: tuple[str, ...]
    kind: KeyKind = KeyKind.LIVE
    team: tuple[str, ...] = ()
    default_lane: str
    default_stream: str = DEFAULT_STREAM
    limits: Limits | None = None
    reason_optional: bool = False
    on_unconfirmed: OnUnconfirmed = OnUnconfirmed.RESEND

    @property
    def is_admin(self) -> bool:
        """Whether the caller sees every application."""
        return Scope.ADMIN in self.scopes

    def may(self, scope: Scope) -> bool:
        """Whether the caller has the scope."""
        return scope in self.scopes or self.is_admin

    def require(self, scope: Scope) -> None:
        """Raise `RestrictedApiKey` unless the caller has the scope."""
        if not self.may(scope):
            raise RestrictedApiKey(f"This key lacks the scope {scope}.")

    @property
    def mode(self) -> Mode:
        """The mode of its email."""
        return Mode.TEST if self.kind is KeyKind.TEST else Mode.LIVE

    def lane_of(self, wanted: str | None) -> str:
        """The lane of its email that names this one, or none."""
        return TEST_LANE if self.mode is Mode.TEST else wanted or self.default_lane

    def sees(self, lane: str) -> bool:
        """Whether it sees its application's email in this lane: of its own mode, and an administrator of both."""
        return self.is_admin or Mode.of(lane) is self.mode

    def require_live(self) -> None:
        """Raise `RestrictedApiKey` for a test key."""
        if self.mode is Mode.TEST:
            raise RestrictedApiKey("A test key tries email only: this needs a live key.")

    def may_send_as(self, key: str) -> bool:
        """Whether the application may use this From address, given as its normalised key `local@domain`."""
        return "*" in self.senders or _has(self.senders, key)

    def may_write_to(self, key: str) -> bool:
        """Whether the key may write to this recipient, given as its normalised key `local@domain`."""
        return self.kind is not KeyKind.TEAM or _has(self.team, key)


def _has(given: tuple[str, ...], key: str) -> bool:
    """Whether the address or its domain is among those that are given."""
    return key in given or f"@{key.rpartition('@')[2]}" in given


def administrator(actor: str) -> Caller:
    """A person who may do everything and belongs to no application: at the command line, or at the console."""
    return Caller(
        actor=actor,
        app_id=UUID(int=0),
        app="postern",
        scopes=frozenset({Scope.ADMIN}),
        senders=("*",),
        default_lane="transactional",
    )
