"""Issue, rotate and revoke the API keys of applications. A secret is shown once, in the answer that creates it.

The first key of an application may create it. A key never changes an existing application: `apps.py` does.
"""

import hashlib
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.apps.doors import Access, Doors
from app.domain.apps.key_kinds import KeyKind, public_half
from app.domain.errors import Conflict, Fault, NotFound, ValidationFailed
from app.domain.message.text_rules import broken_text_rule
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.services.apps.app_options import AppOptions
from app.services.apps.apps import create_app, find_app, require_active
from app.services.paging import Page, Paged, paged
from app.store.apps import apps, keys
from app.store.apps.apps import App
from app.store.apps.keys import ApiKey
from app.store.engine.database import Database, clock
from app.store.engine.ids import new_id
from app.store.operating import audit
from app.store.submission.sealing import KeyRing

__all__ = ["ApiKey", "IssueKeys", "Issued", "Rotated"]

OVERLAP: Final = timedelta(hours=24)
LONGEST_OVERLAP: Final = timedelta(days=30)

_LONGEST_NAME: Final = 100
_NOT_FOR: Final = {
    KeyKind.LIVE: frozenset[Scope](),
    KeyKind.TEAM: frozenset({Scope.ADMIN}),
    KeyKind.TEST: frozenset({Scope.ADMIN, Scope.SUPPRESSIONS_WRITE, Scope.WEBHOOKS_WRITE, Scope.METRICS_READ}),
}
"""The scopes that a key of each kind cannot have: it could issue itself a live key, or change what live email needs."""

_ID_CHARACTERS: Final = string.ascii_lowercase + string.digits
_UNKNOWN: Final = "There is no such key, or it was revoked before."


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key. `token` is what the application sends; it is stored nowhere in the clear."""

    key: ApiKey
    token: str

    @property
    def access_key_id(self) -> str:
        """The id of the key at the doors."""
        return self.key.access_key_id

    @property
    def secret(self) -> str:
        """The secret half of the token: AWS's secret access key, SMTP's password."""
        return self.token.removeprefix(f"{self.access_key_id}_")

    def access(self, doors: Doors) -> Access:
        """What clients of these doors have to be given."""
        return doors.access(self.key.scopes, self.access_key_id, self.secret)


@dataclass(frozen=True, slots=True)
class Rotated(Issued):
    """A new key in place of an old one, which is valid until `old_ends_at`."""

    old_ends_at: datetime


@dataclass(frozen=True, slots=True)
class _By:
    """What the audit says of a change besides the change: the actor and the reason."""

    actor: str
    reason: str | None = None

    def note(self, connection: Connection, action: str, data: audit.Json) -> None:
        audit.write(connection, actor=self.actor, action=action, key=None, reason=self.reason, data=data)


@dataclass(frozen=True, slots=True)
class _NewKey:
    """A key as it is asked for."""

    name: str
    scopes: frozenset[Scope]
    kind: KeyKind
    expires_at: datetime | None

    def check(self, now: datetime) -> None:
        """Raise `ValidationFailed` for the first rule that it breaks."""
        if len(self.name) > _LONGEST_NAME or broken_text_rule(self.name):
            raise _invalid("/name", "grammar", f"The name of a key is one line of at most {_LONGEST_NAME} characters.")
        if refused := sorted(self.scopes & _NOT_FOR[self.kind]):
            raise _invalid("/scopes", "not_of_this_kind", f"A {self.kind} key cannot have {', '.join(refused)}.")
        if self.expires_at is not None and self.expires_at <= now:
            raise _invalid("/expires_at", "in_the_past", "The key would have expired already.")


class IssueKeys:
    """Issues, lists, rotates and revokes keys. `app` is a name or an id; an unknown one raises `NotFound`.

    A key is given by its public id or the whole token. With `app`, keys of other applications are unknown.
    """

    def __init__(self, *, database: Database, key_ring: KeyRing) -> None:
        self._database = database
        self._key_ring = key_ring

    def create(
        self,
        *,
        actor: str,
        app: str,
        name: str,
        scopes: frozenset[Scope],
        kind: KeyKind = KeyKind.LIVE,
        senders: tuple[str, ...] = (),
        lane: Lane | None = None,
        reason_optional: bool | None = None,
        on_unconfirmed: OnUnconfirmed | None = None,
        expires_at: datetime | None = None,
    ) -> Issued:
        """A new key for the application of this name, which is created if it is new. Raises `ValidationFailed`.

        `on_unconfirmed` is the default for emails that do not set it. What is empty or None stays as the application
        has it, or takes the default. What differs from an existing application is refused.
        """
        wanted = AppOptions(
            senders=senders or None,
            default_lane=lane,
            reason_optional=reason_optional,
            on_unconfirmed=on_unconfirmed,
        ).checked()
        with self._database.transaction() as connection:
            owner = apps.by_name(connection, app)
            if owner is None:
                owner = create_app(connection, app, wanted, actor=actor)
            else:
                wanted.require_alike(owner)
            new = _NewKey(name, scopes, kind, expires_at)
            return self._issue(connection, owner, _By(actor), new)

    def add(
        self,
        caller: Caller,
        app: str,
        *,
        name: str,
        scopes: frozenset[Scope],
        kind: KeyKind = KeyKind.LIVE,
        expires_at: datetime | None = None,
        reason: str | None = None,
    ) -> Issued:
        """A new key for an application that exists. Raises `ValidationFailed`, and `Conflict` if it is archived."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            owner = find_app(connection, app)
            return self._issue(connection, owner, _By(caller.actor, reason), _NewKey(name, scopes, kind, expires_at))

    def rotate(
        self,
        caller: Caller,
        key: str,
        *,
        overlap: timedelta = OVERLAP,
        expires_at: datetime | None = None,
        app: str | None = None,
        reason: str | None = None,
    ) -> Rotated:
        """A new key with the name, scopes and kind of this one, which ends after `overlap`, or before if it was to.

        Without `expires_at`, a key that expires is followed by one of the same lifetime. Raises `NotFound`,
        `ValidationFailed`, and `Conflict` for a key that has expired or was rotated, and for an archived application.
        """
        caller.require(Scope.ADMIN)
        if not timedelta() <= overlap <= LONGEST_OVERLAP:
            raise _invalid("/overlap", "out_of_range", f"The overlap is at most {LONGEST_OVERLAP.days} days.")
        with self._database.transaction() as connection:
            old = _held(connection, key, app=app)
            now = clock(connection)
            if old.replaced_by is not None:
                raise Conflict(f"The key was rotated before: {old.replaced_by} replaces it.")
            if old.expires_at is not None and old.expires_at <= now:
                raise Conflict("The key has expired: issue a new one.")
            if expires_at is None and old.expires_at is not None:
                expires_at = now + (old.expires_at - old.created_at)
            wanted = _NewKey(old.name, frozenset(map(Scope, old.scopes)), old.kind, expires_at)
            by = _By(caller.actor, reason)
            new = self._issue(connection, old.app, by, wanted)
            ends_at = min(now + overlap, old.expires_at or now + overlap)
            keys.replace_by(connection, old.id, new.key.public_id, expires_at=ends_at)
            data = {"key": old.public_id, "replaced_by": new.key.public_id, "expires_at": ends_at.isoformat()}
            by.note(connection, "key_rotate", data)
        return Rotated(new.key, new.token, ends_at)

    def all(self) -> tuple[ApiKey, ...]:
        """Every key, oldest first."""
        with self._database.reading() as connection:
            return keys.all_keys(connection)

    def page(self, caller: Caller, app: str, page: Page, *, working: bool | None = None) -> Paged[ApiKey]:
        """One page of the keys of the application, newest first: of all, or of those that do or do not work now."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            owner = find_app(connection, app).id
            rows = keys.page(
                connection, owner, working=working, limit=page.limit + 1, after=page.after, before=page.before
            )
        return paged(rows, page)

    def revoke(self, caller: Caller, key: str, *, app: str | None = None, reason: str | None = None) -> ApiKey:
        """The key, revoked. Raises `NotFound`."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            held = _held(connection, key, app=app)
            keys.revoke(connection, held.id)
            _By(caller.actor, reason).note(connection, "key_revoke", {"key": held.public_id})
        return held

    def _issue(self, connection: Connection, owner: App, by: _By, new: _NewKey) -> Issued:
        require_active(owner)
        now = clock(connection)
        new.check(now)
        public_id = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(12))
        key_id, secret = new_id(), secrets.token_urlsafe(32)
        key = ApiKey(
            id=key_id,
            public_id=public_id,
            secret_sha256=hashlib.sha256(secret.encode()).digest(),
            sealed_secret=self._key_ring.seal(secret.encode(), row_id=key_id) if Scope.SES in new.scopes else None,
            kind=new.kind,
            name=new.name,
            scopes=tuple(sorted(new.scopes)),
            created_at=now,
            expires_at=new.expires_at,
            app=owner,
        )
        keys.add(connection, key)
        policy = {"on_unconfirmed": owner.on_unconfirmed.value}
        data = {"key": public_id, "app": owner.name, "kind": key.kind.value, "scopes": list(key.scopes)} | policy
        by.note(connection, "key_create", data)
        return Issued(key, f"{key.access_key_id}_{secret}")


def _held(connection: Connection, key: str, *, app: str | None) -> ApiKey:
    """The key, locked, unless it is revoked. Raises `NotFound`."""
    owner = find_app(connection, app) if app is not None else None
    held = keys.hold(connection, public_half(key))
    if held is None or (owner is not None and held.app.id != owner.id):
        raise NotFound(_UNKNOWN)
    return held


def _invalid(pointer: str, code: str, rule: str) -> ValidationFailed:
    return ValidationFailed(rule, faults=(Fault(pointer, code, rule),))
