"""Rows of users: add, find, lock and change them. What opens their sign-in leaves this layer only as `Credentials`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, ScalarSelect, Select, or_, select, update

from app.domain.users.roles import Role
from app.store.engine.database import add_once, now
from app.store.engine.ids import new_id
from app.store.submission.sealing import Sealed
from app.store.tables.core import users


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who signs in to the console. A disabled one cannot."""

    id: UUID
    name: str
    role: Role
    has_password: bool
    has_totp: bool
    has_openid: bool
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a sign-in is checked against. `totp_step` is the last step of time whose code was used."""

    user: User
    password_hash: str | None
    totp: Sealed | None
    totp_step: int | None


def add(
    connection: Connection, name: str, role: Role, *, issuer: str | None = None, subject: str | None = None
) -> bool:
    """Add a user, unless the name is taken. Whether it was added."""
    return add_once(
        connection,
        users,
        id=new_id(),
        name=name,
        role=role,
        oidc_issuer=issuer,
        oidc_subject=subject,
        created_at=now(),
    )


def find(connection: Connection, name: str) -> User | None:
    """The user of this name."""
    row = connection.execute(select(users).where(users.c.name == name)).mappings().one_or_none()
    return user_of(row) if row else None


def by_id(connection: Connection, user_id: UUID) -> User | None:
    """The user of this id."""
    row = connection.execute(select(users).where(users.c.id == user_id)).mappings().one_or_none()
    return user_of(row) if row else None


def page(
    connection: Connection, *, limit: int, after: UUID | None = None, before: UUID | None = None
) -> tuple[User, ...]:
    """Up to `limit` users by name: those after the user of this id, or the nearest ones before it."""
    query, name = select(users).limit(limit), users.c.name
    if before is not None:
        nearest = connection.execute(query.where(name < _name_of(before)).order_by(name.desc())).mappings().all()
        return tuple(map(user_of, reversed(nearest)))
    rest = query if after is None else query.where(name > _name_of(after))
    return tuple(map(user_of, connection.execute(rest.order_by(name)).mappings()))


def all_users(connection: Connection) -> tuple[User, ...]:
    """Every user, by name."""
    return tuple(map(user_of, connection.execute(select(users).order_by(users.c.name)).mappings()))


def credentials(connection: Connection, name: str) -> Credentials | None:
    """The credentials of the user of this name."""
    return _credentials(connection, select(users).where(users.c.name == name))


def hold(connection: Connection, user_id: UUID) -> Credentials | None:
    """The credentials of a user, locked until the transaction ends."""
    return _credentials(connection, select(users).where(users.c.id == user_id).with_for_update())


def name_of_subject(connection: Connection, issuer: str, subject: str) -> str | None:
    """The name of the user of this subject of an OpenID provider. A name stays."""
    this_one = (users.c.oidc_issuer == issuer) & (users.c.oidc_subject == subject)
    return connection.scalar(select(users.c.name).where(this_one))


def hold_with_admins(connection: Connection, name: str) -> tuple[User, ...]:
    """The user of this name and every administrator who is not disabled, locked in the order of their ids."""
    admins = (users.c.role == Role.ADMIN) & users.c.disabled_at.is_(None)
    query = select(users).where(or_(users.c.name == name, admins)).order_by(users.c.id).with_for_update()
    return tuple(map(user_of, connection.execute(query).mappings()))


def set_role(connection: Connection, user_id: UUID, role: Role) -> None:
    """Give a user another role."""
    _change(connection, user_id, role=role)


def set_password(connection: Connection, user_id: UUID, password_hash: str | None) -> None:
    """Replace the password of a user; with None it has none."""
    _change(connection, user_id, password_hash=password_hash)


def set_totp(connection: Connection, user_id: UUID, sealed: Sealed | None, *, step: int | None) -> None:
    """Replace the secret of a user's codes, and the step of time that was used; with None it has none."""
    body, key = (sealed.body, sealed.key) if sealed else (None, None)
    _change(connection, user_id, sealed_totp=body, sealed_key=key, totp_step=step)


def use_step(connection: Connection, user_id: UUID, step: int) -> None:
    """Note that the code of this step of time was used."""
    _change(connection, user_id, totp_step=step)


def disable(connection: Connection, user_id: UUID) -> None:
    """Disable a user."""
    _change(connection, user_id, disabled_at=now())


def enable(connection: Connection, user_id: UUID) -> None:
    """Let a user sign in again."""
    _change(connection, user_id, disabled_at=None)


def user_of(row: RowMapping) -> User:
    """The user in a row of the table."""
    return User(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        has_password=row["password_hash"] is not None,
        has_totp=row["sealed_totp"] is not None,
        has_openid=row["oidc_subject"] is not None,
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
    )


def _name_of(user_id: UUID) -> ScalarSelect[str]:
    return select(users.c.name).where(users.c.id == user_id).scalar_subquery()


def _credentials(connection: Connection, query: Select[Any]) -> Credentials | None:
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    is_sealed = row["sealed_totp"] is not None
    return Credentials(
        user=user_of(row),
        password_hash=row["password_hash"],
        totp=Sealed(bytes(row["sealed_totp"]), bytes(row["sealed_key"])) if is_sealed else None,
        totp_step=row["totp_step"],
    )


def _change(connection: Connection, user_id: UUID, **values: Any) -> None:
    connection.execute(update(users).where(users.c.id == user_id).values(**values))
