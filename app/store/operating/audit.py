"""The audit: who did what to whom, when and why. It is appended to and never changed."""

from typing import Any

from sqlalchemy import Connection, insert

from app.store.db import now
from app.store.ids import new_id
from app.store.models import audit

Json = dict[str, Any]


def write(connection: Connection, *, actor: str, action: str, key: str | None, reason: str | None, data: Json) -> None:
    """Append who did what to whom, and why."""
    connection.execute(
        insert(audit).values(id=new_id(), at=now(), actor=actor, action=action, key=key, reason=reason, data=data)
    )
