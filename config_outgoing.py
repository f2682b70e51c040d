"""What Postern sends by itself, as settings: canaries, webhooks and alerts."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import NoDecode


def _usable_server(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.geturl() and (parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path not in {"", "/"}):
        raise ValueError("must be smtp://[user:password@]host[:port], or smtps://")
    return url


CanaryMinutes = Annotated[
    int,
    Field(
        ge=0,
        le=1440,
        description="Every so many minutes an email to SES's mailbox simulator must come back as an event; 0 turns "
        "this off. It needs `CANARY_FROM`.",
    ),
]
WebhookNetworks = Annotated[
    tuple[IPvAnyNetwork, ...],
    NoDecode,
    Field(description="Networks besides the public ones where endpoints of webhooks may be, comma separated."),
]
AlertSmtpUrl = Annotated[
    SecretStr,
    Field(description="Mail server for alerts by email, besides SES: smtp://user:password@host:587, or smtps://."),
    AfterValidator(_usable_server),
]
AlertFrom = Annotated[str, Field(description="From address of alerts by email.")]
