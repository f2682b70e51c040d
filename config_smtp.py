"""The SMTP door, as settings: where it listens, with which certificate, and what it allows."""

from pathlib import Path
from typing import Annotated, Protocol, TypeVar

from pydantic import Field, IPvAnyAddress
from pydantic_settings import NoDecode


class _Smtp(Protocol):
    @property
    def smtp_port(self) -> int: ...
    @property
    def smtp_tls_port(self) -> int: ...
    @property
    def smtp_certificate(self) -> Path | None: ...
    @property
    def smtp_certificate_key(self) -> Path | None: ...
    @property
    def smtp_clear_auth_on_loopback(self) -> bool: ...


S = TypeVar("S", bound=_Smtp)

Port = Annotated[int, Field(ge=0, le=65_535, description="Port of the SMTP door, with STARTTLS: usually 587. 0: none.")]
TlsPort = Annotated[
    int,
    Field(ge=0, le=65_535, description="Port of the SMTP door where TLS begins at once: usually 465. 0: none."),
]
Bind = Annotated[
    tuple[IPvAnyAddress, ...],
    NoDecode,
    Field(min_length=1, description="Addresses that the SMTP door listens on, comma separated; `0.0.0.0` is all."),
]
HostName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9.-]{0,253}$", description="Name in its greeting. Default: the host of `PUBLIC_URL`."),
]
Certificate = Annotated[
    Path | None,
    Field(description="PEM file of its certificate with the chain. It is read again when it has changed."),
]
CertificateKey = Annotated[Path | None, Field(description="PEM file of the key of that certificate.")]
ClearAuth = Annotated[
    bool, Field(description="Take keys without TLS from this host. Not behind a proxy on it: then all come from it.")
]
Connections = Annotated[int, Field(ge=1, le=20_000, description="SMTP connections at the same time.")]
ConnectionsPerAddress = Annotated[
    int, Field(ge=1, le=20_000, description="Those from one IPv4 address, or from one /64 of IPv6.")
]
ConnectionsPerKey = Annotated[int, Field(ge=1, le=20_000, description="Those that are signed in with one key.")]
Threads = Annotated[
    int, Field(ge=1, le=100, description="Threads on which the SMTP door asks the database; clients need none.")
]
Memory = Annotated[
    int,
    Field(
        ge=45_000_000,
        le=10_000_000_000,
        description="Octets of all messages that are coming in by SMTP; when there are more, clients try again later.",
    ),
]
KnowsRepeats = Annotated[
    bool,
    Field(
        description="A message that comes again by SMTP within `IDEMPOTENCY_HOURS`, the same but for its trace, with "
        "the same Message-ID, key and recipients, is not sent again."
    ),
]


def whole_smtp(settings: S) -> S:
    """Refuse a door that no client could use. Raises `ValueError`."""
    if (settings.smtp_certificate is None) != (settings.smtp_certificate_key is None):
        raise ValueError("SMTP_CERTIFICATE: SMTP_CERTIFICATE and SMTP_CERTIFICATE_KEY belong together")
    if settings.smtp_certificate is None:
        if settings.smtp_tls_port:
            raise ValueError("SMTP_CERTIFICATE: SMTP_TLS_PORT needs it, with SMTP_CERTIFICATE_KEY")
        if settings.smtp_port and not settings.smtp_clear_auth_on_loopback:
            raise ValueError("SMTP_CERTIFICATE: SMTP_PORT needs it, with SMTP_CERTIFICATE_KEY, since keys need TLS")
    return settings
