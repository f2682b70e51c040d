"""Rows of applications: add, change and find them. It never commits."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Update, select, update

from app.domain.apps.callers import DEFAULT_STREAM
from app.domain.apps.limits import Limits
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.store.engine.database import add_once, now
from app.store.engine.keyset import page_of
from app.store.tables.core import apps

_ARCHIVED = apps.c.archived_at.is_not(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An application that sends email. A limit that is None does not exist.

    The keys of an archived application are refused; what was accepted of it goes on.
    """

    id: UUID
    name: str
    senders: tuple[str, ...]
    team: tuple[str, ...] = ()
    default_lane: str
    default_stream: str = DEFAULT_STREAM
    reason_optional: bool
    on_unconfirmed: OnUnconfirmed = OnUnconfirmed.RESEND
    emails_per_second: int | None = None
    emails_per_day: int | None = None
    created_at: datetime
    archived_at: datetime | None = None

    @property
    def limits(self) -> Limits | None:
        """Its limits; None if it has none."""
        limits = Limits(self.emails_per_second, self.emails_per_day)
        return None if limits == Limits() else limits


def add(connection: Connection, app: App) -> bool:
    """Add an application. False if its name is taken."""
    values = {field.name: getattr(app, field.name) for field in fields(app)}
    return add_once(connection, apps, **_written(values))


def names(connection: Connection) -> dict[UUID, str]:
    """The name of every application, by its id."""
    return dict(connection.execute(select(apps.c.id, apps.c.name)).all())


def hold(connection: Connection, app_id: UUID) -> App:
    """The application, locked until the transaction ends. Email of it is accepted meanwhile."""
    locked = select(apps).where(apps.c.id == app_id).with_for_update(key_share=True)
    return read(connection.execute(locked).mappings().one())


def leave_teams(connection: Connection, key: str) -> None:
    """Take an address off every team that has it, in the order of the applications' ids."""
    teams = connection.execute(select(apps.c.id, apps.c.team).order_by(apps.c.id)).all()
    for app_id in (app_id for app_id, team in teams if key in team):
        team = [one for one in hold(connection, app_id).team if one != key]
        connection.execute(update(apps).where(apps.c.id == app_id).values(team=team))


def change(connection: Connection, app_id: UUID, values: Mapping[str, Any]) -> App:
    """The application with these fields changed; without any, as it is."""
    this_app = apps.c.id == app_id
    query = (
        update(apps).where(this_app).values(_written(values)).returning(apps)
        if values
        else select(apps).where(this_app)
    )
    return read(connection.execute(query).mappings().one())


def archive(connection: Connection, app_id: UUID) -> App | None:
    """The application, archived from now on. None if it was archived before."""
    return _changed(connection, update(apps).where(apps.c.id == app_id, ~_ARCHIVED).values(archived_at=now()))


def unarchive(connection: Connection, app_id: UUID) -> App | None:
    """The application, archived no more. None if it was not archived."""
    return _changed(connection, update(apps).where(apps.c.id == app_id, _ARCHIVED).values(archived_at=None))


def by_name(connection: Connection, name: str) -> App | None:
    """The application of this name."""
    row = connection.execute(select(apps).where(apps.c.name == name)).mappings().one_or_none()
    return read(row) if row else None


def by_id(connection: Connection, app_id: UUID) -> App | None:
    """The application of this id."""
    row = connection.execute(select(apps).where(apps.c.id == app_id)).mappings().one_or_none()
    return read(row) if row else None


def page(
    connection: Connection, *, archived: bool | None, limit: int, after: UUID | None, before: UUID | None
) -> tuple[App, ...]:
    """Up to `limit` applications, newest first: those older than `after`, or the nearest ones newer than `before`."""
    query = select(apps)
    if archived is not None:
        query = query.where(_ARCHIVED if archived else ~_ARCHIVED)
    rows = page_of(connection, query, apps.c.id, limit=limit, after=after, before=before)
    return tuple(map(read, rows))


def read(columns: RowMapping) -> App:
    """The application of a row that has all columns of `apps`, whatever else it has."""
    return App(
        id=columns[apps.c.id],
        name=columns[apps.c.name],
        senders=tuple(columns[apps.c.senders]),
        team=tuple(columns[apps.c.team]),
        default_lane=columns[apps.c.default_lane],
        default_stream=columns[apps.c.default_stream],
        reason_optional=columns[apps.c.reason_optional],
        on_unconfirmed=OnUnconfirmed(columns[apps.c.on_unconfirmed]),
        emails_per_second=columns[apps.c.emails_per_second],
        emails_per_day=columns[apps.c.emails_per_day],
        created_at=columns[apps.c.created_at],
        archived_at=columns[apps.c.archived_at],
    )


def _changed(connection: Connection, change: Update) -> App | None:
    row = connection.execute(change.returning(apps)).mappings().one_or_none()
    return read(row) if row else None


def _written(values: Mapping[str, Any]) -> dict[str, Any]:
    return {field: list(value) if isinstance(value, tuple) else value for field, value in values.items()}
