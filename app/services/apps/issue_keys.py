"""Issue and revoke the API keys of applications. A secret is shown once, by the answer that creates it."""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.address import InvalidAddress, parse_address
from app.domain.callers import Scope
from app.domain.errors import Fault, NotFound, ValidationFailed
from app.domain.proof import OnUnconfirmed
from app.queue import Lane
from app.store import audit, keys
from app.store.db import Database, clock
from app.store.ids import new_id
from app.store.keys import ApiKey, App

_APP_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ID_CHARACTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key; `token` is what the application sends, and is nowhere stored."""

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
        lane: Lane = Lane.TRANSACTIONAL,
        reason_optional: bool = False,
        on_unconfirmed: OnUnconfirmed | None = None,
        expires_at: datetime | None = None,
    ) -> Issued:
        """A key for this application, which is made if it is new. Raises `ValidationFailed`.

        `senders` are From addresses, `@domain` or `*`. They and `on_unconfirmed`, which is for mails that do not say,
        replace those of an application that exists, unless empty or None.
        """
        if not _APP_NAME.fullmatch(app):
            raise _invalid("/app", "An application's name is 1 to 63 of a-z, 0-9 and hyphen.")
        allowed = tuple(dict.fromkeys(_sender(one) for one in senders))
        public_id = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(12))
        secret = secrets.token_urlsafe(32)
        with self._database.transaction() as connection:
            owner = keys.app_by_name(connection, app)
            if owner is None:
                owner = App(
                    id=new_id(),
                    name=app,
                    senders=allowed,
                    default_lane=lane,
                    reason_optional=reason_optional,
                    on_unconfirmed=on_unconfirmed or OnUnconfirmed.RESEND,
                )
                keys.add_app(connection, owner)
            elif allowed or on_unconfirmed:
                owner = replace(
                    owner,
                    senders=allowed or owner.senders,
                    on_unconfirmed=on_unconfirmed or owner.on_unconfirmed,
                )
                keys.change_app(connection, owner)
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
            keys.add_key(connection, key)
            told = {"key": public_id, "app": app, "on_unconfirmed": owner.on_unconfirmed.value}
            audit.write(connection, actor=actor, action="key_create", key=None, reason=None, data=told)
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


def _sender(text: str) -> str:
    if text == "*":
        return text
    domain_only = text.startswith("@")
    try:
        address = parse_address(f"any{text}" if domain_only else text)
    except InvalidAddress as error:
        raise _invalid("/senders", f"A sender is an address, @domain or *. {error}") from error
    return f"@{address.domain}" if domain_only else address.key


def _invalid(pointer: str, rule: str) -> ValidationFailed:
    return ValidationFailed(rule, faults=(Fault(pointer, "grammar", rule),))
