"""The audit: actor, action, key, time and reason of every change. It is appended to and never changed."""

from typing import Any

from sqlalchemy import Connection, insert

from app.store.engine.database import now
from app.store.engine.ids import new_id
from app.store.tables.core import audit

Json = dict[str, Any]


def write(connection: Connection, *, actor: str, action: str, key: str | None, reason: str | None, data: Json) -> None:
    """Append one entry."""
    connection.execute(
        insert(audit).values(id=new_id(), at=now(), actor=actor, action=action, key=key, reason=reason, data=data)
    )
