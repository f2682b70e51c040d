"""The cookie that carries a session, and the secret that each form of the session repeats.

The cookie is read by no script, is sent with no request that another site makes but a plain link, and with https it
cannot be set by a neighbouring host (`__Host-`, https://www.rfc-editor.org/rfc/rfc6265). The secret of forms is made of
the session's token, so that it needs no storage; a page writes it each time under another pad, so that a compressed
page does not give it away letter by letter.
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from flask import Response, request

from app.web.http.context import current_gateway

_NAME: Final = "postern_session"
_KEPT: Final = "postern_openid"
_SECRET: Final = 32


def session_token() -> str | None:
    """The token that the browser sent."""
    return request.cookies.get(_name()) or None


def begin(answer: Response, token: str) -> Response:
    """Let the browser keep the token until it is closed."""
    answer.set_cookie(_name(), token, path="/", secure=_is_secure(), httponly=True, samesite="Lax")
    return answer


def end(answer: Response) -> Response:
    """Let the browser forget the token."""
    answer.delete_cookie(_name(), path="/", secure=_is_secure(), httponly=True, samesite="Lax")
    return answer


def keep(answer: Response, sealed: str, *, for_s: int) -> Response:
    """Let the browser keep what belongs to a sign-in at an OpenID provider, until it comes back from there.

    SameSite=Lax: the provider leads back by a link, which is from another site.
    """
    answer.set_cookie(_name(_KEPT), sealed, max_age=for_s, path="/", secure=_is_secure(), httponly=True, samesite="Lax")
    return answer


def kept() -> str:
    """What `keep` left in the browser, or ''."""
    return request.cookies.get(_name(_KEPT), "")


def keep_no_more(answer: Response) -> Response:
    """Let the browser forget what `keep` left: it is good for one sign-in."""
    answer.delete_cookie(_name(_KEPT), path="/", secure=_is_secure(), httponly=True, samesite="Lax")
    return answer


def form_secret(token: str) -> str:
    """What a form of this session carries, different each time."""
    pad = secrets.token_bytes(_SECRET)
    return urlsafe_b64encode(pad + _xor(pad, _secret_of(token))).decode("ascii")


def is_form_secret(text: str, token: str) -> bool:
    """Whether a form of this session carried the text."""
    try:
        raw = urlsafe_b64decode(text)
    except ValueError:
        return False
    return len(raw) == 2 * _SECRET and hmac.compare_digest(_xor(raw[:_SECRET], raw[_SECRET:]), _secret_of(token))


def _secret_of(token: str) -> bytes:
    return hmac.digest(token.encode(), b"postern form", "sha256")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other, strict=True))


def _name(name: str = _NAME) -> str:
    return f"__Host-{name}" if _is_secure() else name


def _is_secure() -> bool:
    return current_gateway().settings.public_url.startswith("https:")
