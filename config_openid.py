"""The OpenID provider among the settings: people sign in to the console with the account that they have there."""

import re
from typing import Annotated, Protocol, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import NoDecode

_LONGEST = 255  # of an issuer and a claim; OpenID Connect Core 1.0 section 2 bounds subjects so
_ROLE = re.compile(r".{1,255}=(viewer|support|operator|admin)")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _WithOpenId(Protocol):
    @property
    def oidc_issuer(self) -> str: ...

    @property
    def oidc_client_id(self) -> str: ...

    @property
    def oidc_roles(self) -> tuple[str, ...]: ...


T = TypeVar("T", bound=_WithOpenId)


def _usable_issuer(url: str) -> str:
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if url and (not is_safe or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc):
        raise ValueError("must be https://HOST, with a path or without, as the provider writes it in its tokens")
    return url


def _usable_roles(roles: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_ROLE.fullmatch(one) for one in roles):
        raise ValueError("each must be VALUE=ROLE, where ROLE is viewer, support, operator or admin")
    return roles


def whole_openid(settings: T) -> T:
    """The settings. Raises `ValueError` if an issuer is set and what it needs is not."""
    if settings.oidc_issuer and not settings.oidc_client_id:
        raise ValueError("OIDC_CLIENT_ID: OIDC_ISSUER needs it: the id that the provider gave to this gateway")
    if settings.oidc_issuer and not settings.oidc_roles:
        raise ValueError("OIDC_ROLES: OIDC_ISSUER needs it: without a role for anybody, all are refused")
    return settings


OidcIssuer = Annotated[
    str,
    Field(
        max_length=_LONGEST,
        description="OpenID provider with whose accounts people sign in to the console. Its redirect URI is "
        "`PUBLIC_URL/console/sign-in/openid/callback`.",
    ),
    AfterValidator(_usable_issuer),
]
OidcClientId = Annotated[str, Field(max_length=_LONGEST, description="Id of this gateway at the OpenID provider.")]
OidcClientSecret = Annotated[
    SecretStr, Field(description="Its secret; without one the gateway is a public client there, and PKCE protects it.")
]
OidcRoleClaim = Annotated[
    str, Field(min_length=1, max_length=_LONGEST, description="Claim of the provider that decides about roles.")
]
OidcRoles = Annotated[
    tuple[str, ...],
    NoDecode,
    Field(
        max_length=100,
        description="Roles for values of this claim, comma separated: `mail-admins=admin,helpdesk=support`. Of several "
        "the highest counts; without one a person is refused.",
    ),
    AfterValidator(_usable_roles),
]
