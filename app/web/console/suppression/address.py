"""`/console/addresses/<token>`: why an address or a domain gets no email, and what can be done about it.

The URL has a token for the address. The token alone decides what a change may touch: of an address its own entries, and
never those of its whole domain, which only an operator changes.
"""

from collections.abc import Generator
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic
from typing import Annotated, Final

from flask import Response
from markupsafe import escape
from pydantic import Field

from app.domain.errors import Fault, NotFound, PosternError, RateLimitExceeded, ValidationFailed
from app.domain.message.address import InvalidAddress
from app.domain.suppression.rules import EVERY_EMAIL
from app.domain.suppression.targets import Target, parse_target
from app.domain.users.roles import Role
from app.services.privacy.forget import Steps, run
from app.services.privacy.forget_counts import Forgotten
from app.services.suppression.explanation.explain import Ask
from app.services.suppression.unsuppress import why_forced
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import RoleMissing, lead_to
from app.web.console.frame.forms import Checked, Form, Reason, WithReason
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render, render_around
from app.web.console.suppression.words import CHANGES, LAYERS, ORIGINS, VERDICTS
from app.web.http.context import current_gateway, current_in_progress

console_address = Pages("console_address", __name__)

_PAGE: Final = "console_address.show_address"
_EVENTS: Final = 20
_PATIENCE_S: Final = 2.0
_SHOW_EVERY_S: Final = 0.5

ScopeText = Annotated[str, Field(max_length=128)]


class AddressQuery(Form):
    """Which emails the page explains, those of an application or of one of its streams; `live` asks SES itself."""

    app: Annotated[str, Field(max_length=63)] | None = None
    stream: Annotated[str, Field(max_length=64)] | None = None
    live: Checked


class SuppressForm(WithReason):
    """A new entry. It ends with the day `until`, in UTC; without one it stays."""

    scope: ScopeText = EVERY_EMAIL
    until: date | None = None

    def expires_at(self) -> datetime | None:
        """The end of the day."""
        return datetime.combine(self.until, time(), UTC) + timedelta(days=1) if self.until else None


class UnsuppressForm(WithReason):
    """The scope of the entry to unsuppress; `force` where the recipient themselves wanted no more email."""

    scope: ScopeText
    force: Checked


class ForgetForm(Form):
    """The address once more, so that no other person is forgotten by a slip.

    `suppress`: no application may send there again.
    """

    address: Annotated[str, Field(max_length=320)]
    reason: Reason
    suppress: Checked


@console_address.page(
    "/console/addresses/<token>", role=Role.VIEWER, summary="Explain an address or a domain.", query=AddressQuery
)
def show_address(session: Session, token: str, query: AddressQuery) -> Response:
    """Answer for any address, also for one that nothing is known of."""
    target, gateway, caller = _target(token), current_gateway(), caller_of(session)
    ask = Ask(
        app=query.app,
        stream=query.stream,
        live=query.live and session.user.role.includes(Role.SUPPORT),
        patience_s=_PATIENCE_S,
    )
    found = gateway.suppress.look(caller, target.email)
    return render(
        "suppression/address.html",
        address=target.email,
        token=token,
        domain=gateway.address_tokens.write(f"@{target.address.domain}") if target.address else None,
        query=query,
        explanation=gateway.explain(caller, target.email, ask) if target.address else None,
        events=gateway.look_up.events_of(caller, target.email)[:_EVENTS] if target.address else (),
        entries=[one for one in found.entries if target.address is None or not one.email.startswith("@")],
        found=found,
        can_undo=found.removed_by_a_person,
        changer=Role.SUPPORT if target.address else Role.OPERATOR,
        why_forced=why_forced,
        layers=LAYERS,
        verdicts=VERDICTS,
        origins=ORIGINS,
        changes=CHANGES,
    )


@console_address.change(
    "/console/addresses/<token>/suppress",
    role=Role.SUPPORT,
    summary="Suppress an address or a domain.",
    form=SuppressForm,
    done="It is suppressed: no more email goes there in this scope.",
)
def suppress_address(session: Session, token: str, form: SuppressForm) -> Response:
    """Add an entry, and show the page again."""
    target = _changeable(session, token)
    current_gateway().suppress.add(
        caller_of(session), target.email, scope=form.scope, reason=form.reason, expires_at=form.expires_at()
    )
    return _back(token)


@console_address.change(
    "/console/addresses/<token>/unsuppress",
    role=Role.SUPPORT,
    summary="Unsuppress an address or a domain.",
    form=UnsuppressForm,
    done="It is unsuppressed. If it was on SES's list too, it leaves that within minutes.",
)
def unsuppress_address(session: Session, token: str, form: UnsuppressForm) -> Response:
    """Take the entry of this scope off the list, and show the page again."""
    target = _changeable(session, token)
    current_gateway().unsuppress(
        caller_of(session), target.email, scope=form.scope, reason=form.reason, force=form.force
    )
    return _back(token)


@console_address.change(
    "/console/addresses/<token>/undo",
    role=Role.SUPPORT,
    summary="Undo the last removal of an address or a domain.",
    form=WithReason,
    done="The last removal is undone: it is suppressed as before.",
)
def undo_removal(session: Session, token: str, form: WithReason) -> Response:
    """Put the entries back, and show the page again."""
    target = _changeable(session, token)
    current_gateway().undo(caller_of(session), target.email, reason=form.reason)
    return _back(token)


@console_address.change(
    "/console/addresses/<token>/forget",
    role=Role.ADMIN,
    summary="Forget a person.",
    form=ForgetForm,
)
def forget_person(session: Session, token: str, form: ForgetForm) -> Response:
    """Erase what belongs to the person, and answer with the progress while all other texts are searched."""
    target = _target(token)
    if target.address is None or not _is_same(form.address, target):
        rule = "Type the address of this page, so that no other person is forgotten."
        raise ValidationFailed(rule, faults=(Fault("/address", "other_address", rule),))
    if not current_in_progress().enter("forget", at_most=1):
        raise RateLimitExceeded("Another person is being forgotten now. Try again in a few minutes.", retry_after=60)
    forget, caller = current_gateway().forget, caller_of(session)
    steps = forget.steps(caller, target.email, reason=form.reason, suppress=form.suppress)
    return render_around(_progress(steps), "suppression/forgetting.html")


def _progress(steps: Steps[Forgotten]) -> Generator[str]:
    """A line now and then while the texts are searched, and the result. It goes on if the browser leaves."""
    shown_at, done, problem = monotonic(), None, ""
    try:
        yield ""
        while done is None:
            step = next(steps)
            if monotonic() - shown_at > _SHOW_EVERY_S:
                shown_at = monotonic()
                yield f"<li>{escape(step)}</li>\n"
    except StopIteration as ended:
        done = ended.value
    except GeneratorExit:
        run(steps)
        raise
    except PosternError as error:
        problem = error.detail
    yield render("suppression/forgotten.html", done=done, problem=problem).get_data(as_text=True)


def _back(token: str) -> Response:
    return lead_to(url_after(_PAGE, token=token))


def _changeable(session: Session, token: str) -> Target:
    """What the token names, if the user may change it."""
    target = _target(token)
    if target.address is None and not session.user.role.includes(Role.OPERATOR):
        raise RoleMissing(f"A whole domain needs the role {Role.OPERATOR}; single addresses need less.")
    return target


def _target(token: str) -> Target:
    """The address or domain that a token stands for."""
    text = current_gateway().address_tokens.read(token)
    try:
        return parse_target(text or "")
    except InvalidAddress:
        raise NotFound("This link is not complete, or too old. Search for the address again.") from None


def _is_same(text: str, target: Target) -> bool:
    try:
        return parse_target(text.strip()).key == target.key
    except InvalidAddress:
        return False
