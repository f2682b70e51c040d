"""`/console/sign-in/openid`: sign in with the account that a person has at an OpenID provider.

What decides is in `app.services.users.openid`.
"""

from typing import Annotated, Final

from flask import Response
from pydantic import ConfigDict, Field

from app.domain.errors import NotFound, PosternError, ServiceUnavailable
from app.services.users.openid import FLOW_LASTS_S, OpenIdSignIn, Returned
from app.web.console.frame import cookies
from app.web.console.frame.access import lead_to
from app.web.console.frame.forms import Form
from app.web.console.frame.pages import Pages
from app.web.console.users.sign_in import WayBack, begun, refusal_page, sign_in_page, user_agent
from app.web.http.auth import PUBLIC
from app.web.http.context import current_gateway, current_in_progress

openid = Pages("openid", __name__)

_AT_ONCE: Final = 4
"""The most sign-ins for which this process waits for the provider at a time, so that a slow one keeps few threads."""


class FromProvider(Form):
    """What the provider adds to our URL; it may add more, which is ignored."""

    model_config = ConfigDict(extra="ignore")

    state: Annotated[str, Field(max_length=200)] = ""
    code: Annotated[str, Field(max_length=4_000)] | None = None
    iss: Annotated[str, Field(max_length=255)] | None = None


@openid.page("/console/sign-in/openid", role=PUBLIC, summary="Sign in with an OpenID provider.", query=WayBack)
def begin_openid(query: WayBack) -> Response:
    """Lead to the provider."""
    try:
        url, kept = _provider().begin(query.next)
    except PosternError as refused:
        return refusal_page(refused, wanted=query.next)
    return cookies.keep(lead_to(url), kept, for_s=FLOW_LASTS_S)


@openid.page(
    "/console/sign-in/openid/callback", role=PUBLIC, summary="Come back from the provider.", query=FromProvider
)
def finish_openid(query: FromProvider) -> Response:
    """Begin a session and show the page that was wanted, or say why the sign-in was refused."""
    returned = Returned(state=query.state, code=query.code, issuer=query.iss)
    try:
        token, wanted = _provider().finish(cookies.kept(), returned, user_agent=user_agent())
    except PosternError as refused:
        return cookies.keep_no_more(refusal_page(refused))
    return cookies.keep_no_more(begun(token, wanted))


@openid.page("/console/sign-in/openid/signed-out", role=PUBLIC, summary="Offer to sign out at the provider, too.")
def show_signed_out() -> Response:
    """Answer with the sign-in, and a link to where the provider signs people out: a form may lead to no other site."""
    try:
        url = _provider().sign_out_url()
    except ServiceUnavailable:
        url = None
    return sign_in_page(signed_out_at=url)


def _provider() -> OpenIdSignIn:
    """The provider, if there is one and few wait for it. Raises `NotFound` and `ServiceUnavailable`."""
    found = current_gateway().users.openid
    if found is None:
        raise NotFound("No OpenID provider is set here: sign in with a password.")
    if not current_in_progress().enter("openid", at_most=_AT_ONCE):
        raise ServiceUnavailable("Too many people sign in at once; try again.", retry_after=1)
    return found
