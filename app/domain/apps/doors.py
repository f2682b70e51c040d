"""Where the doors of a gateway are, and what a client of each has to be given with a new key."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from app.domain.apps.callers import Scope


class Door(StrEnum):
    """What a client speaks: the API of Postern, an AWS SDK to the SES API, or SMTP."""

    API = "api"
    SES = "ses"
    SMTP = "smtp"

    @property
    def scopes(self) -> frozenset[Scope]:
        """The scopes that open it; every key opens the API."""
        return frozenset() if self is Door.API else frozenset({Scope(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class SesAccess:
    """What an AWS SDK needs to call the SES API of this gateway."""

    endpoint_url: str
    region: str
    access_key_id: str
    secret_access_key: str

    def variables(self) -> dict[str, str]:
        """Environment variables that all AWS SDKs read; some know the region by one name, some by the other."""
        return {
            "AWS_ENDPOINT_URL_SESV2": self.endpoint_url,
            "AWS_ENDPOINT_URL_SES": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpAccess:
    """What an SMTP client needs: `port` is for STARTTLS, `tls_port` for TLS at once; None is not offered."""

    host: str
    port: int | None
    tls_port: int | None
    username: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the clients of a key have to be given, for each door beside the API that the key names."""

    ses: SesAccess | None
    smtp: SmtpAccess | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where clients find the doors of this gateway."""

    url: str
    region: str
    smtp_host: str
    smtp_port: int | None
    smtp_tls_port: int | None

    def access(self, scopes: Collection[str], key_id: str, secret: str) -> Access:
        """What a new key with these scopes gives access to. `admin` alone names no door."""
        return Access(
            ses=self.ses(key_id, secret) if Scope.SES in scopes else None,
            smtp=self.smtp(key_id, secret) if Scope.SMTP in scopes else None,
        )

    def ses(self, key_id: str, secret: str) -> SesAccess:
        """What an AWS SDK needs to use this key."""
        return SesAccess(endpoint_url=self.url, region=self.region, access_key_id=key_id, secret_access_key=secret)

    def smtp(self, key_id: str, secret: str) -> SmtpAccess:
        """What an SMTP client needs to use this key."""
        return SmtpAccess(
            host=self.smtp_host, port=self.smtp_port, tls_port=self.smtp_tls_port, username=key_id, password=secret
        )
