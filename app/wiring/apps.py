"""The areas `apps` and `users`: applications with their keys and streams, and the people of the console."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from cryptography.fernet import Fernet, MultiFernet

from app.domain.apps.doors import Doors
from app.domain.users.openid import RoleClaim
from app.domain.users.roles import Role
from app.net.openid.provider import Client, OpenIdProvider
from app.services.apps.apps import Apps
from app.services.apps.authenticate import Authenticate
from app.services.apps.authenticate_sigv4 import AuthenticateSigV4
from app.services.apps.budgets import Budgets
from app.services.apps.issue_keys import IssueKeys
from app.services.apps.standing import ReadStanding
from app.services.apps.streams import Streams
from app.services.apps.trusted_keys import TrustedKeys
from app.services.users.guesses import Guesses
from app.services.users.openid import OpenIdSignIn
from app.services.users.passwords import Passwords
from app.services.users.sessions import Sessions
from app.services.users.sign_in import SignIn
from app.services.users.users import Users
from app.wiring.foundation import Ground, proxy
from config import Settings

_SIGN_IN = "/console/sign-in"
_CALLBACK = f"{_SIGN_IN}/openid/callback"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppServices:
    """What the area `apps` offers."""

    authenticate: Authenticate
    authenticate_sigv4: AuthenticateSigV4
    apps: Apps
    issue_keys: IssueKeys
    doors: Doors
    streams: Streams
    standing: ReadStanding
    budgets: Budgets


@dataclass(frozen=True, slots=True, kw_only=True)
class UserServices:
    """What the area `users` offers; `openid` is None where no provider is set."""

    sign_in: SignIn
    openid: OpenIdSignIn | None
    sessions: Sessions
    users: Users


def build_apps(settings: Settings, ground: Ground) -> AppServices:
    """The services of applications."""
    keys = TrustedKeys(database=ground.database)
    return AppServices(
        authenticate=Authenticate(keys),
        authenticate_sigv4=AuthenticateSigV4(keys, key_ring=ground.key_ring, clock=ground.clock),
        apps=Apps(database=ground.database),
        issue_keys=IssueKeys(database=ground.database, key_ring=ground.key_ring),
        doors=_doors(settings),
        streams=Streams(database=ground.database, links=ground.links),
        standing=ReadStanding(database=ground.database),
        budgets=Budgets(database=ground.database),
    )


def _doors(settings: Settings) -> Doors:
    return Doors(
        url=settings.public_url.rstrip("/"),
        region=settings.aws_region,
        smtp_host=settings.smtp_host_name or urlsplit(settings.public_url).hostname or "",
        smtp_port=settings.smtp_port or None,
        smtp_tls_port=settings.smtp_tls_port or None,
    )


def build_users(settings: Settings, ground: Ground) -> UserServices:
    """The services of users."""
    database, key_ring = ground.database, ground.key_ring
    passwords, guesses = Passwords(PasswordHasher()), Guesses(database=database)
    sign_in = SignIn(database=database, key_ring=key_ring, passwords=passwords, guesses=guesses)
    return UserServices(
        sign_in=sign_in,
        openid=_openid(settings, ground, sign_in) if settings.oidc_issuer else None,
        sessions=Sessions(database=database),
        users=Users(database=database, key_ring=key_ring, passwords=passwords, guesses=guesses),
    )


def _openid(settings: Settings, ground: Ground, sign_in: SignIn) -> OpenIdSignIn:
    client = Client(
        id=settings.oidc_client_id,
        secret=settings.oidc_client_secret.get_secret_value(),
        redirect_uri=settings.public_url.rstrip("/") + _CALLBACK,
        signed_out_uri=settings.public_url.rstrip("/") + _SIGN_IN,
    )
    pairs = (one.rpartition("=") for one in settings.oidc_roles)
    seals = (Fernet(urlsafe_b64encode(key)) for key in ground.key_ring.derive_each("openid sign-ins").values())
    return OpenIdSignIn(
        provider=OpenIdProvider(settings.oidc_issuer, client=client, clock=ground.clock, proxy=proxy()),
        roles=RoleClaim(settings.oidc_role_claim, {value: Role(role) for value, _, role in pairs}),
        sign_in=sign_in,
        seals=MultiFernet(list(seals)),
        clock=ground.clock,
    )
