"""Issue and revoke the API keys of applications. A secret is shown once, in the answer that creates it.

The first key of an application creates it. A key never changes an existing application: `change_app.py` does.
"""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass
from datetime import datetime

from app.domain.apps.callers import Scope
from app.domain.errors import Fault, NotFound, ValidationFailed
from app.domain.message.text_rules import broken_text_rule
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.services.apps.change_app import AppOptions, senders_of
from app.store.apps import apps, keys
from app.store.apps.apps import App
from app.store.apps.keys import ApiKey
from app.store.engine.database import Database, clock
from app.store.engine.ids import new_id
from app.store.operating import audit

__all__ = ["ApiKey", "IssueKeys", "Issued"]

_APP_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LONGEST_NAME = 100
_ID_CHARACTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key. `token` is what the application sends; it is stored nowhere."""

    key: ApiKey
    token: str


class IssueKeys:
    """Issues, lists and revokes keys."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def create(
        self,
        *,
        actor: str,
        app: str,
        name: str,
        scopes: frozenset[Scope],
        senders: tuple[str, ...] = (),
        lane: Lane | None = None,
        reason_optional: bool | None = None,
        on_unconfirmed: OnUnconfirmed | None = None,
        expires_at: datetime | None = None,
    ) -> Issued:
        """A new key for this application, which is created if it is new. Raises `ValidationFailed`.

        `senders` are From addresses, `@domain` or `*`. `on_unconfirmed` is the default for emails that do not set it.
        What is empty or None stays as the application has it, or takes the default. What differs from an existing
        application is refused.
        """
        _check_names(app, name)
        wanted = AppOptions(
            senders=senders_of(senders) if senders else None,
            default_lane=lane,
            reason_optional=reason_optional,
            on_unconfirmed=on_unconfirmed,
        )
        public_id = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(12))
        secret = secrets.token_urlsafe(32)
        with self._database.transaction() as connection:
            owner = apps.by_name(connection, app)
            if owner is None:
                owner = App(
                    id=new_id(),
                    name=app,
                    senders=wanted.senders or (),
                    default_lane=lane or Lane.TRANSACTIONAL,
                    reason_optional=bool(reason_optional),
                    on_unconfirmed=on_unconfirmed or OnUnconfirmed.RESEND,
                )
                apps.add(connection, owner)
            else:
                wanted.require_alike(owner)
            key = ApiKey(
                id=new_id(),
                public_id=public_id,
                secret_sha256=hashlib.sha256(secret.encode()).digest(),
                name=name,
                scopes=tuple(sorted(scopes)),
                created_at=clock(connection),
                expires_at=expires_at,
                revoked_at=None,
                last_used_at=None,
                app=owner,
            )
            keys.add(connection, key)
            data = {"key": public_id, "app": app, "on_unconfirmed": owner.on_unconfirmed.value}
            audit.write(connection, actor=actor, action="key_create", key=None, reason=None, data=data)
        return Issued(key, f"ptn_{public_id}_{secret}")

    def all(self) -> tuple[ApiKey, ...]:
        """Every key, oldest first."""
        with self._database.reading() as connection:
            return keys.all_keys(connection)

    def revoke(self, public_id: str, *, actor: str) -> None:
        """Revoke a key, given by its public id or the whole token. Raises `NotFound`."""
        public_id = public_id.removeprefix("ptn_").partition("_")[0]
        with self._database.transaction() as connection:
            if not keys.revoke(connection, public_id):
                raise NotFound("There is no such key, or it was revoked before.")
            audit.write(connection, actor=actor, action="key_revoke", key=None, reason=None, data={"key": public_id})


def _check_names(app: str, name: str) -> None:
    if not _APP_NAME.fullmatch(app):
        raise _invalid("/app", "An application's name is 1 to 63 of a-z, 0-9 and hyphen.")
    if len(name) > _LONGEST_NAME or broken_text_rule(name):
        raise _invalid("/name", f"The name of a key is one line of at most {_LONGEST_NAME} characters.")


def _invalid(pointer: str, rule: str) -> ValidationFailed:
    return ValidationFailed(rule, faults=(Fault(pointer, "grammar", rule),))
