"""`/console/users`: the people who sign in. Names may be addresses, so they are in forms and never in a URL."""

from collections.abc import Callable
from typing import Annotated, Final

from flask import Response
from pydantic import Field

from app.domain.users.links import sign_in_link
from app.domain.users.roles import Role
from app.services.users.sessions import Session, caller_of
from app.services.users.users import User, Users
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.forms import WithReason
from app.web.console.frame.pages import Pages, see_other, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_users = Pages("console_users", __name__)

_COLUMNS: Final = ("name", "role", "state", "password", "authenticator", "openid", "created_at", "disabled_at")


class OfUser(WithReason):
    """A change of one user."""

    name: Annotated[str, Field(max_length=64)]


class WithRole(OfUser):
    """A new user, or another role of one."""

    role: Role


@console_users.page("/console/users", role=Role.ADMIN, summary="Show the users.")
def show_users(session: Session) -> Response:
    """Answer with every user, by name, and what may be done with each."""
    users = current_gateway().users.users.all(caller_of(session))
    return render("users/users.html", users=users, roles=list(Role), this=session.user.id)


@console_users.page("/console/users/download", role=Role.ADMIN, summary="Download the users as CSV.")
def download_users(session: Session) -> Response:
    """Answer with the same list as a file."""
    users = current_gateway().users.users.all(caller_of(session))
    return csv_download("users", _COLUMNS, [map(_row, users)])


@console_users.change("/console/users/create", role=Role.ADMIN, summary="Add a user.", form=WithRole)
def create_user(session: Session, form: WithRole) -> Response:
    """Answer with the link for the first sign-in, which is shown once."""
    user, token = current_gateway().users.users.create(caller_of(session), form.name, form.role, form.reason)
    return _link_page(user.name, token, lasts="a day", is_new=True)


@console_users.change("/console/users/link", role=Role.ADMIN, summary="Make a one-time link for a user.", form=OfUser)
def make_link(session: Session, form: OfUser) -> Response:
    """Answer with the link, which is shown once."""
    token = current_gateway().users.users.link(caller_of(session), form.name, form.reason)
    return _link_page(form.name, token, lasts="15 minutes", is_new=False)


@console_users.change(
    "/console/users/role",
    role=Role.ADMIN,
    summary="Give a user another role.",
    form=WithRole,
    done="The user has this role now, and signs in again.",
)
def change_role(session: Session, form: WithRole) -> Response:
    """Change the role."""
    current_gateway().users.users.change_role(caller_of(session), form.name, form.role, form.reason)
    return _back()


@console_users.change(
    "/console/users/disable",
    role=Role.ADMIN,
    summary="Disable a user.",
    form=OfUser,
    done="The user is disabled: all sessions have ended, and no sign-in works.",
)
def disable_user(session: Session, form: OfUser) -> Response:
    """Disable the user."""
    return _changed(session, form, Users.disable)


@console_users.change(
    "/console/users/enable",
    role=Role.ADMIN,
    summary="Enable a user.",
    form=OfUser,
    done="The user may sign in again.",
)
def enable_user(session: Session, form: OfUser) -> Response:
    """Enable the user."""
    return _changed(session, form, Users.enable)


@console_users.change(
    "/console/users/authenticator",
    role=Role.ADMIN,
    summary="End the need of a user for codes.",
    form=OfUser,
    done="The user needs no code any more, until they set up an authenticator again.",
)
def reset_authenticator(session: Session, form: OfUser) -> Response:
    """Forget the secret of the user's codes."""
    return _changed(session, form, Users.reset_totp)


def _changed(session: Session, form: OfUser, change: Callable[..., User]) -> Response:
    change(current_gateway().users.users, caller_of(session), form.name, form.reason)
    return _back()


def _back() -> Response:
    return see_other(url_after("console_users.show_users"))


def _link_page(name: str, token: str, *, lasts: str, is_new: bool) -> Response:
    url = sign_in_link(current_gateway().settings.public_url, token)
    return render("users/link.html", name=name, url=url, lasts=lasts, is_new=is_new)


def _row(user: User) -> tuple[object, ...]:
    state = "enabled" if user.disabled_at is None else "disabled"
    return (
        user.name,
        user.role,
        state,
        user.has_password,
        user.has_totp,
        user.has_openid,
        user.created_at.isoformat(),
        user.disabled_at.isoformat() if user.disabled_at else None,
    )
