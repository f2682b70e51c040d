"""Create, show, change and archive applications. Each change is in the audit.

An archived application accepts nothing more: its keys are refused, and it gets no new ones. What was accepted before is
sent as if nothing had happened, unless an administrator cancels it. Its name stays taken, and its history readable.
"""

import re
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller, Scope
from app.domain.apps.limits import accepted_today
from app.domain.errors import Conflict, Fault, NotFound, ValidationFailed
from app.services.apps.app_options import AppOptions
from app.services.paging import Page, Paged, paged
from app.store.apps import apps, usage
from app.store.apps.apps import App
from app.store.engine.database import Database, clock
from app.store.operating import audit

__all__ = ["App", "Apps", "create_app", "find_app", "require_active"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Apps:
    """Keeps applications, for administrators. `app` is a name or an id; an unknown one raises `NotFound`."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def create(self, caller: Caller, name: str, options: AppOptions, *, reason: str | None = None) -> App:
        """A new application, without a key. Raises `ValidationFailed`, also for a name that is taken."""
        caller.require(Scope.ADMIN)
        options = options.checked()
        with self._database.transaction() as connection:
            return create_app(connection, name, options, actor=caller.actor, reason=reason)

    def page(self, caller: Caller, page: Page, *, archived: bool | None = None) -> Paged[App]:
        """One page of the applications, newest first: all, or those that are archived, or those that are not."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            found = apps.page(connection, archived=archived, limit=page.limit + 1, after=page.after, before=page.before)
        return paged(found, page)

    def find(self, caller: Caller, app: str) -> App:
        """The application."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return find_app(connection, app)

    def accepted_today(self, caller: Caller, app: App) -> int:
        """How many of its recipients were accepted in this day of UTC. Without limits none is counted."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            return accepted_today(usage.find(connection, app.id), clock(connection))

    def change(self, caller: Caller, app: str, options: AppOptions, *, reason: str | None = None) -> App:
        """The changed application. What is not given stays as it was. Raises `ValidationFailed`.

        For five seconds requests may still be judged by the old values.
        """
        caller.require(Scope.ADMIN)
        options = options.checked()
        with self._database.transaction() as connection:
            return _change(connection, find_app(connection, app), options, actor=caller.actor, reason=reason)

    def change_team(
        self,
        caller: Caller,
        app: str,
        *,
        add: tuple[str, ...] = (),
        remove: tuple[str, ...] = (),
        reason: str | None = None,
    ) -> App:
        """The application, with addresses and domains added to its team and taken off. Raises `ValidationFailed`.

        For five seconds requests may still be judged by the old team.
        """
        caller.require(Scope.ADMIN)
        added, removed = AppOptions(team=add).checked().team or (), AppOptions(team=remove).checked().team or ()
        with self._database.transaction() as connection:
            held = apps.hold(connection, find_app(connection, app).id)
            team = tuple(one for one in dict.fromkeys((*held.team, *added)) if one not in removed)
            options = AppOptions(team=team).checked()
            return _change(connection, held, options, actor=caller.actor, reason=reason)

    def archive(self, caller: Caller, app: str, *, reason: str | None = None) -> App:
        """The archived application. Within five seconds its keys are refused. One that is archived stays as it is."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            found = find_app(connection, app)
            archived = apps.archive(connection, found.id)
            if archived is not None:
                _note(connection, caller.actor, "app_archive", {"app": found.name}, reason)
        return archived or found

    def unarchive(self, caller: Caller, app: str, *, reason: str | None = None) -> App:
        """The application, no longer archived. Within five seconds its keys are accepted again."""
        caller.require(Scope.ADMIN)
        with self._database.transaction() as connection:
            found = find_app(connection, app)
            unarchived = apps.unarchive(connection, found.id)
            if unarchived is not None:
                _note(connection, caller.actor, "app_unarchive", {"app": found.name}, reason)
        return unarchived or found


def create_app(connection: Connection, name: str, options: AppOptions, *, actor: str, reason: str | None = None) -> App:
    """A new application with these checked options. Raises `ValidationFailed`."""
    if not _NAME.fullmatch(name):
        raise _invalid("grammar", "An application's name is 1 to 63 of a-z, 0-9 and hyphen.")
    app = options.new_app(name, created_at=clock(connection))
    if not apps.add(connection, app):
        raise _invalid("taken", "An application of this name exists; an archived one keeps its name.")
    _note(connection, actor, "app_create", {"app": name, "options": options.given()}, reason)
    return app


def _change(connection: Connection, app: App, options: AppOptions, *, actor: str, reason: str | None) -> App:
    values = {name: value for name, value in options.given().items() if value != getattr(app, name)}
    changed = apps.change(connection, app.id, values)
    if values:
        _note(connection, actor, "app_change", {"app": app.name, "changed": values}, reason)
    return changed


def find_app(connection: Connection, app: str) -> App:
    """The application of this name or id. Raises `NotFound`."""
    found = apps.by_name(connection, app)
    if found is None and (app_id := _id(app)):
        found = apps.by_id(connection, app_id)
    if found is None:
        raise NotFound("There is no such application; `./postern app create` makes one.")
    return found


def require_active(app: App) -> None:
    """Raise `Conflict` if the application is archived."""
    if app.archived_at is not None:
        raise Conflict("The application is archived: unarchive it first.")


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _note(connection: Connection, actor: str, action: str, data: audit.Json, reason: str | None) -> None:
    audit.write(connection, actor=actor, action=action, key=None, reason=reason, data=data)


def _invalid(code: str, rule: str) -> ValidationFailed:
    return ValidationFailed(rule, faults=(Fault("/name", code, rule),))
