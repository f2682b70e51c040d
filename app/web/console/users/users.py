"""`/console/users`: the people who sign in. A URL names a user by the id, since a name may be an address."""

from collections.abc import Callable
from typing import Annotated, Final
from uuid import UUID

from flask import Response
from pydantic import Field

from app.domain.users.links import sign_in_link
from app.domain.users.roles import Role
from app.services.users.sessions import Session, caller_of
from app.services.users.users import User, Users
from app.web.console.frame.access import lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.forms import WithReason
from app.web.console.frame.lists import ListQuery, neighbours
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_users = Pages("console_users", __name__)

_COLUMNS: Final = ("name", "role", "state", "password", "authenticator", "openid", "created_at", "disabled_at")


class WithRole(WithReason):
    """Another role of a user."""

    role: Role


class NewUser(WithRole):
    """A user to be. The services decide what a name may be."""

    name: Annotated[str, Field(max_length=64)]


@console_users.page("/console/users", role=Role.ADMIN, summary="List the users.", query=ListQuery)
def show_users(session: Session, query: ListQuery) -> Response:
    """Answer with one page of the users, by name, and what may be done with each."""
    found = current_gateway().users.users.page(caller_of(session), query.page())
    pages = neighbours("console_users.show_users", query, found, lambda user: user.id)
    return render("users/users.html", users=found.data, roles=list(Role), this=session.user.id, pages=pages)


@console_users.page("/console/users/download", role=Role.ADMIN, summary="Download the users as CSV.")
def download_users(session: Session) -> Response:
    """Answer with the same list as a file."""
    users = current_gateway().users.users.all(caller_of(session))
    return csv_download("users", _COLUMNS, [map(_row, users)])


@console_users.change("/console/users", role=Role.ADMIN, summary="Add a user.", form=NewUser)
def create_user(session: Session, form: NewUser) -> Response:
    """Answer with the link for the first sign-in, which is shown once."""
    user, token = current_gateway().users.users.create(caller_of(session), form.name, form.role, form.reason)
    return _link_page(user, token, lasts="a day", is_new=True)


@console_users.page("/console/users/<uuid:user_id>", role=Role.ADMIN, summary="Show a user.")
def show_user(session: Session, user_id: UUID) -> Response:
    """Answer with the user, and what may be done."""
    return render("users/user.html", user=_user(session, user_id), roles=list(Role))


@console_users.change(
    "/console/users/<uuid:user_id>/link", role=Role.ADMIN, summary="Make a one-time link for a user.", form=WithReason
)
def make_link(session: Session, user_id: UUID, form: WithReason) -> Response:
    """Answer with the link, which is shown once."""
    user = _user(session, user_id)
    token = current_gateway().users.users.link(caller_of(session), user.name, form.reason)
    return _link_page(user, token, lasts="15 minutes", is_new=False)


@console_users.change(
    "/console/users/<uuid:user_id>/role",
    role=Role.ADMIN,
    summary="Give a user another role.",
    form=WithRole,
    done="The user has this role now, and signs in again.",
)
def change_role(session: Session, user_id: UUID, form: WithRole) -> Response:
    """Change the role."""
    user = _user(session, user_id)
    current_gateway().users.users.change_role(caller_of(session), user.name, form.role, form.reason)
    return lead_to(url_after("console_users.show_user", user_id=user_id))


@console_users.change(
    "/console/users/<uuid:user_id>/disable",
    role=Role.ADMIN,
    summary="Disable a user.",
    form=WithReason,
    done="The user is disabled: all sessions have ended, and no sign-in works.",
)
def disable_user(session: Session, user_id: UUID, form: WithReason) -> Response:
    """Disable the user."""
    return _changed(session, user_id, form, Users.disable)


@console_users.change(
    "/console/users/<uuid:user_id>/enable",
    role=Role.ADMIN,
    summary="Enable a user.",
    form=WithReason,
    done="The user may sign in again.",
)
def enable_user(session: Session, user_id: UUID, form: WithReason) -> Response:
    """Enable the user."""
    return _changed(session, user_id, form, Users.enable)


@console_users.change(
    "/console/users/<uuid:user_id>/authenticator",
    role=Role.ADMIN,
    summary="End the need of a user for codes.",
    form=WithReason,
    done="The user needs no code any more, until they set up an authenticator again.",
)
def reset_authenticator(session: Session, user_id: UUID, form: WithReason) -> Response:
    """Forget the secret of the user's codes."""
    return _changed(session, user_id, form, Users.reset_totp)


def _changed(session: Session, user_id: UUID, form: WithReason, change: Callable[..., User]) -> Response:
    change(current_gateway().users.users, caller_of(session), _user(session, user_id).name, form.reason)
    return lead_to(url_after("console_users.show_user", user_id=user_id))


def _user(session: Session, user_id: UUID) -> User:
    return current_gateway().users.users.by_id(caller_of(session), user_id)


def _link_page(user: User, token: str, *, lasts: str, is_new: bool) -> Response:
    url = sign_in_link(current_gateway().settings.public_url, token)
    return render("users/link.html", name=user.name, url=url, lasts=lasts, is_new=is_new)


def _row(user: User) -> tuple[object, ...]:
    state = "enabled" if user.disabled_at is None else "disabled"
    return (
        user.name,
        user.role,
        state,
        user.has_password,
        user.has_totp,
        user.has_openid,
        user.created_at,
        user.disabled_at,
    )
