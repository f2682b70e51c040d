"""Where Postern posts besides SES, as settings: the networks of webhooks, and the mail server of alerts."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import NoDecode


def _usable_server(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.geturl() and (parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path not in {"", "/"}):
        raise ValueError("must be smtp://[user:password@]host[:port], or smtps://")
    return url


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
