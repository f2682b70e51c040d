"""The JSON objects of applications and API keys in responses."""

from dataclasses import asdict
from typing import Any, Literal, Self
from uuid import UUID

from app.domain.apps.doors import Access
from app.domain.apps.key_kinds import KeyKind
from app.services.apps.apps import App
from app.services.apps.issue_keys import ApiKey, Issued
from app.web.http.responses import Moment, View


class AppView(View):
    """An application. A limit that is null does not exist."""

    object: Literal["app"]
    id: UUID
    name: str
    senders: list[str]
    team: list[str]
    default_lane: str
    default_stream: str
    on_unconfirmed: str
    reason_optional: bool
    emails_per_second: int | None
    emails_per_day: int | None
    created_at: Moment
    archived_at: Moment | None

    @classmethod
    def of(cls, app: App) -> Self:
        """Make it from an application."""
        members: dict[str, Any] = {name: getattr(app, name) for name in cls.model_fields if name != "object"}
        return cls(**members | {"object": "app", "senders": list(app.senders), "team": list(app.team)})


class KeyView(View):
    """An API key, without its secret. `id` is its public half; `replaced_by` is the key that a rotation made."""

    object: Literal["api_key"]
    id: str
    app: str
    kind: KeyKind
    name: str
    scopes: list[str]
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None
    last_used_at: Moment | None
    replaced_by: str | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Make it from a key."""
        return cls(**_members(key))


class SesAccessView(View):
    """What an AWS SDK needs to call the SES API of this gateway."""

    endpoint_url: str
    region: str
    access_key_id: str
    secret_access_key: str


class SmtpAccessView(View):
    """What an SMTP client needs. `port` is for STARTTLS, `tls_port` for TLS at once; null is not offered."""

    host: str
    port: int | None
    tls_port: int | None
    username: str
    password: str


class IssuedKeyView(KeyView):
    """A new API key. `token` is what the application sends; it is shown only here.

    `ses` and `smtp` say the same to clients of those doors, of a key with these scopes.
    """

    token: str
    ses: SesAccessView | None
    smtp: SmtpAccessView | None

    @classmethod
    def of_issued(cls, issued: Issued, access: Access) -> Self:
        """Make it from a key that was just issued, and what it gives access to."""
        return cls(
            **_members(issued.key),
            token=issued.token,
            ses=SesAccessView(**asdict(access.ses)) if access.ses else None,
            smtp=SmtpAccessView(**asdict(access.smtp)) if access.smtp else None,
        )


class RevokedKeyView(View):
    """The id of a key that is revoked now."""

    object: Literal["api_key"]
    id: str
    deleted: Literal[True]


def _members(key: ApiKey) -> dict[str, Any]:
    return {
        "object": "api_key",
        "id": key.public_id,
        "app": key.app.name,
        "kind": key.kind,
        "name": key.name,
        "scopes": list(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "replaced_by": key.replaced_by,
    }
