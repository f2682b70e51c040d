"""`/console/own-account`: a person's own password, authenticator and sessions."""

from typing import Annotated
from uuid import UUID

from flask import Response
from pydantic import Field

from app.domain.errors import Fault, NotFound, PosternError, ValidationFailed
from app.domain.users.devices import device_of
from app.domain.users.roles import Role
from app.services.users.codes import read_secret, uri_of
from app.services.users.sessions import Session
from app.web.console.frame.access import lead_to
from app.web.console.frame.cookies import session_token
from app.web.console.frame.forms import Form, NoForm
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.console.users.qr_code import qr_code
from app.web.http.context import current_gateway

own_account = Pages("own_account", __name__)

Password = Annotated[str, Field(max_length=256)]
Code = Annotated[str, Field(max_length=8)]


class NewPassword(Form):
    """The password that a person chooses, typed twice, and the one that they have, if any."""

    current: Password | None = None
    new: Password
    again: Password


class CodeAlone(Form):
    """A code of the authenticator."""

    code: Code


class Confirmation(CodeAlone):
    """A first code, of the secret that the page before has shown."""

    secret: Annotated[str, Field(max_length=64)]


@own_account.page("/console/own-account", role=Role.VIEWER, summary="Show your sign-in.")
def show_own_account(session: Session) -> Response:
    """Answer with the forms, and the sessions that are open."""
    return render(
        "users/own_account.html",
        user=session.user,
        this=session.id,
        sessions=[
            (one, device_of(one.user_agent)) for one in current_gateway().users.sessions.of_user(session.user.id)
        ],
    )


@own_account.change(
    "/console/own-account/password",
    role=Role.VIEWER,
    summary="Choose a password.",
    form=NewPassword,
    done="Your password is set. Every other session of yours has ended.",
)
def set_password(session: Session, form: NewPassword) -> Response:
    """Replace the password."""
    if form.new != form.again:
        rule = "The two passwords differ. Type the same one twice."
        raise ValidationFailed(rule, faults=(Fault("/again", "differs", rule),))
    users = current_gateway().users.users
    users.set_password(session.user, form.current, form.new, except_token=session_token() or "")
    return lead_to(url_after("own_account.show_own_account"))


@own_account.change("/console/own-account/authenticator", role=Role.VIEWER, summary="Begin to set up an authenticator.")
def begin_authenticator(session: Session, form: NoForm) -> Response:  # noqa: ARG001
    """Answer with a new secret. It has no effect until a code of it has come back."""
    secret, _ = current_gateway().users.users.begin_totp(session.user)
    return _secret_page(session, secret)


@own_account.change(
    "/console/own-account/authenticator/confirm",
    role=Role.VIEWER,
    summary="Confirm an authenticator by a code.",
    form=Confirmation,
    done="Your authenticator is set up. From now on your password needs a code of it.",
)
def confirm_authenticator(session: Session, form: Confirmation) -> Response:
    """Turn codes on, or show the same secret again."""
    try:
        current_gateway().users.users.confirm_totp(session.user, form.secret, form.code)
    except PosternError as refused:
        if read_secret(form.secret) is None:
            raise
        return _secret_page(session, form.secret, problem=refused.detail, status=refused.status)
    return lead_to(url_after("own_account.show_own_account"))


@own_account.change(
    "/console/own-account/authenticator/end",
    role=Role.VIEWER,
    summary="End the use of an authenticator by a code.",
    form=CodeAlone,
    done="Your sign-in asks for no code any more.",
)
def end_authenticator(session: Session, form: CodeAlone) -> Response:
    """Turn codes off."""
    current_gateway().users.users.end_totp(session.user, form.code)
    return lead_to(url_after("own_account.show_own_account"))


@own_account.change(
    "/console/own-account/sessions/<uuid:session_id>/end",
    role=Role.VIEWER,
    summary="End one session of yours.",
    done="The session has ended.",
)
def end_session(session: Session, session_id: UUID, form: NoForm) -> Response:  # noqa: ARG001
    """End it. Another person's session is as unknown as one that is over."""
    if not current_gateway().users.sessions.end_one(session.user, session_id):
        raise NotFound("You have no such session: it may have ended already.")
    return lead_to(url_after("own_account.show_own_account"))


@own_account.change(
    "/console/own-account/sessions/end",
    role=Role.VIEWER,
    summary="End all other sessions of yours.",
    done="All your other sessions have ended.",
)
def end_other_sessions(session: Session, form: NoForm) -> Response:  # noqa: ARG001
    """End all but this one."""
    current_gateway().users.sessions.end_all(session.user, session_token() or "")
    return lead_to(url_after("own_account.show_own_account"))


def _secret_page(session: Session, secret: str, *, problem: str = "", status: int = 200) -> Response:
    uri = uri_of(secret, name=session.user.name)
    return render("users/authenticator.html", status=status, secret=secret, uri=uri, code=qr_code(uri), problem=problem)
