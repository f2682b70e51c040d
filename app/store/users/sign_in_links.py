"""Rows of links that sign a user in, once."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select

from app.store.engine.database import ahead, now
from app.store.tables.core import sign_in_links


def replace(
    connection: Connection, user_id: UUID, token_hash: bytes, *, lasts: timedelta, replaces_password: bool
) -> None:
    """Add a link of a user, in place of all that the user had."""
    erase_of(connection, user_id)
    values = {"token_hash": token_hash, "user_id": user_id, "replaces_password": replaces_password}
    connection.execute(insert(sign_in_links).values(**values, expires_at=ahead(lasts.total_seconds())))


def owner(connection: Connection, token_hash: bytes) -> UUID | None:
    """The user of a link, whether or not it still works."""
    return connection.scalar(select(sign_in_links.c.user_id).where(sign_in_links.c.token_hash == token_hash))


def use_up(connection: Connection, token_hash: bytes) -> bool | None:
    """Delete a link that works: whether it replaces the password. None when it was used or has expired.

    The user has to be locked before.
    """
    works = (sign_in_links.c.token_hash == token_hash) & (sign_in_links.c.expires_at > now())
    used = delete(sign_in_links).where(works).returning(sign_in_links.c.replaces_password)
    return connection.execute(used).scalar_one_or_none()


def erase_of(connection: Connection, user_id: UUID) -> None:
    """Delete the links of a user."""
    connection.execute(delete(sign_in_links).where(sign_in_links.c.user_id == user_id))


def erase(connection: Connection, *, limit: int) -> int:
    """Delete up to `limit` links that have expired, the first that expired first. How many."""
    expired = select(sign_in_links.c.token_hash).where(sign_in_links.c.expires_at <= now())
    found = connection.scalars(
        expired.order_by(sign_in_links.c.expires_at).limit(limit).with_for_update(skip_locked=True)
    ).all()
    connection.execute(delete(sign_in_links).where(sign_in_links.c.token_hash.in_(found)))
    return len(found)
