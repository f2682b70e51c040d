"""What Postern sends by itself, as settings: canaries, webhooks, alerts and traces."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import NoDecode

# The user and the password have the characters of RFC 3986 section 3.2.1, so that all that reads the URL agrees.
_SERVER = re.compile(
    r"smtps?://(?:[\w.~!$&'()*+,;=%-]+:[\w.~!$&'()*+,;=:%-]+@)?"
    r"(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?/?",
    re.ASCII | re.IGNORECASE,
)


def _usable_server(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    try:
        is_usable = not text or (_SERVER.fullmatch(text) is not None and urlsplit(text).port != 0)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ValueError("must be smtp://[user:password@]host[:port], or smtps://; percent-encode the password")
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
CanaryWithinSeconds = Annotated[
    int, Field(ge=5, le=3600, description="A canary without an event after this is an incident.")
]
CanaryPausesBulk = Annotated[bool, Field(description="Pause the bulk lane while the last canary has not come back.")]
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
TracesEndpoint = Annotated[
    str,
    Field(
        pattern=r"^(https?://[!-~]+)?$",
        repr=False,
        description="Base URL of the OTLP receiver, by HTTP, that gets traces (docs/operations.md); without one there "
        "are none.",
    ),
]
