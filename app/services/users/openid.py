"""Sign a person in with an OpenID provider: lead the browser there, and take what it brings back.

What belongs to one sign-in travels with the browser, sealed, and not in the database: it ends after ten minutes, and
only the browser that began a sign-in can finish it.
"""

import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import structlog
from cryptography.fernet import InvalidToken, MultiFernet

from app.domain.errors import ServiceUnavailable, SignInRefused
from app.domain.users.openid import ProviderFault, ProviderSilent, RoleClaim, name_of
from app.services.users.sign_in import SignIn

log = structlog.get_logger()

FLOW_LASTS_S: Final = 600

_NOT_OURS: Final = "This sign-in was not begun in this browser, or more than ten minutes ago. Begin again."
_DECLINED: Final = "The provider did not sign you in. Begin again, or ask the people who run it."
_NOT_VALID: Final = (
    "What the provider sent is not valid. Begin again. If it stays so, an operator finds why in the log."
)
_SILENT: Final = "The provider does not answer now. Try again, or sign in with a password."
_NO_ROLE: Final = "Your account has no role here. Ask an administrator which group it needs."
_NO_NAME: Final = "The provider gives neither a user name of yours nor a verified address. Ask the people who run it."


class Provider(Protocol):
    """An OpenID provider; `app.net.openid.provider` says what its methods do."""

    issuer: str

    def sign_in_url(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where it signs a person in."""
        ...

    def sign_out_url(self) -> str | None:
        """Where it signs a person out, if it does."""
        ...

    def claims(self, *, code: str, nonce: str, verifier: str) -> Mapping[str, Any]:
        """What it says of the person for whom it gave the code."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What the browser brings back from the provider. `issuer` is there where the provider names itself (RFC 9207)."""

    state: str
    code: str | None
    issuer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flow:
    """One sign-in that was begun; `wanted` is the page that it leads to."""

    state: str
    nonce: str
    verifier: str
    wanted: str


class OpenIdSignIn:
    """Signs people in with one provider.

    `begin` and `finish` raise `ServiceUnavailable` when the provider is silent, and `SignInRefused`.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        roles: RoleClaim,
        sign_in: SignIn,
        seals: MultiFernet,
        clock: Callable[[], datetime],
    ) -> None:
        self._provider = provider
        self._roles = roles
        self._sign_in = sign_in
        self._seals = seals
        self._clock = clock

    @property
    def name(self) -> str:
        """What people know the provider by: its host."""
        return urlsplit(self._provider.issuer).netloc

    def begin(self, wanted: str) -> tuple[str, str]:
        """The URL of the provider, and what the browser has to keep until it comes back."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        try:
            url = self._provider.sign_in_url(state=state, nonce=nonce, verifier=verifier)
        except (ProviderSilent, ProviderFault) as error:
            raise _unusable(error) from error
        flow = _Flow(state=state, nonce=nonce, verifier=verifier, wanted=wanted)
        return url, self._seals.encrypt_at_time(json.dumps(asdict(flow)).encode(), self._now()).decode()

    def sign_out_url(self) -> str | None:
        """Where a person signs out of the provider, too; None where that is not offered, or not known now."""
        try:
            return self._provider.sign_out_url()
        except (ProviderSilent, ProviderFault) as error:
            log.warning("openid_failed", why=str(error))
            return None

    def finish(self, kept: str, returned: Returned, *, user_agent: str) -> tuple[str, str]:
        """The token of a new session, and the page that was wanted. `kept` is what `begin` gave to this browser."""
        flow = self._opened(kept)
        if flow is None or not hmac.compare_digest(flow.state.encode(), returned.state.encode()):
            raise SignInRefused(_NOT_OURS)
        if returned.code is None or returned.issuer not in {None, self._provider.issuer}:
            raise SignInRefused(_DECLINED)
        try:
            claims = self._provider.claims(code=returned.code, nonce=flow.nonce, verifier=flow.verifier)
        except (ProviderSilent, ProviderFault) as error:
            raise _unusable(error) from error
        return self._begun(claims, user_agent), flow.wanted

    def _begun(self, claims: Mapping[str, Any], user_agent: str) -> str:
        role, name = self._roles.role_of(claims), name_of(claims)
        if role is None:
            log.warning("openid_failed", why="no value of OIDC_ROLE_CLAIM has a role")
            raise SignInRefused(_NO_ROLE)
        if name is None:
            log.warning("openid_failed", why="no preferred_username and no verified email")
            raise SignInRefused(_NO_NAME)
        return self._sign_in.with_oidc(self._provider.issuer, claims["sub"], name, role, user_agent=user_agent)

    def _opened(self, kept: str) -> _Flow | None:
        try:
            return _Flow(**json.loads(self._seals.decrypt_at_time(kept.encode(), FLOW_LASTS_S, self._now())))
        except InvalidToken:
            return None

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _unusable(error: ProviderSilent | ProviderFault) -> ServiceUnavailable | SignInRefused:
    """What a person is shown; an operator finds the reason in the log."""
    log.warning("openid_failed", why=str(error))
    return (
        ServiceUnavailable(_SILENT, retry_after=5) if isinstance(error, ProviderSilent) else SignInRefused(_NOT_VALID)
    )
