"""What a person asks of a deployment, and what follows from it together with what is there. It does no I/O."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from app.domain.account.setup.blueprint import FEEDBACK_PATH, Deployment
from app.domain.account.setup.resources import Place
from app.domain.account.setup.trouble import SetupStopped

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?=.{{4,253}}$){_LABEL}(?:\.{_LABEL})+")
_MOST_CHARACTERS_OF_A_TAG: Final = 256
_OF_A_TAG: Final = re.compile(r"[A-Za-z0-9+=._:/@-]{1,256}")
"""What AWS lets a tag hold, in which the URL is remembered."""
DEFAULT_NAME: Final = "postern"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What was asked for; None is what nothing was said about, and then stays as it is.

    `domains` come to those that are there, and `dropped` ones go: nothing but their name removes an identity, since no
    email of its domain would be sent any more. `url` is empty for no HTTPS subscription. `default_url` is where a new
    deployment gets its events if nothing else is asked for.
    """

    name: str = DEFAULT_NAME
    domains: tuple[str, ...] = ()
    dropped: frozenset[str] = frozenset()
    url: str | None = None
    sqs: bool | None = None
    archive: bool | None = None
    suppressed_reasons: tuple[str, ...] | None = None
    adopt: frozenset[str] = frozenset()
    default_url: str = ""


def chosen(choices: Choices, existing: Deployment) -> Deployment:
    """The deployment that is wanted: what was asked for, and else what is there.

    Raises `SetupStopped` where it has more domains than can be remembered.
    """
    domains = tuple(one for one in dict.fromkeys([*existing.domains, *choices.domains]) if one not in choices.dropped)
    if len(" ".join(domains)) > _MOST_CHARACTERS_OF_A_TAG:
        raise SetupStopped(
            f"The domains of one deployment have {_MOST_CHARACTERS_OF_A_TAG} characters together at most."
        )
    sqs = existing.sqs if choices.sqs is None else choices.sqs
    return Deployment(
        name=choices.name,
        place=existing.place,
        domains=domains,
        url=_url(choices, existing, sqs=sqs),
        sqs=sqs,
        archive=existing.archive if choices.archive is None else choices.archive,
        suppressed_reasons=choices.suppressed_reasons,
    )


def drawn(choices: Choices, place: Place) -> Deployment:
    """The deployment that these choices alone describe, for a template."""
    return chosen(choices, Deployment(name=choices.name, place=place))


def _url(choices: Choices, existing: Deployment, *, sqs: bool) -> str:
    if choices.url is not None:
        return choices.url
    return existing.url or ("" if sqs else choices.default_url)


def deployment_name(text: str) -> str:
    """The name of a deployment. Raises `ValueError` with the rule."""
    if not _NAME.fullmatch(text):
        raise ValueError("a deployment has 1 to 40 letters, digits, - and _, and begins with a letter or a digit")
    return text


def sending_domain(text: str) -> str:
    """A sending domain, as SES spells it. Raises `ValueError` with the rule."""
    try:
        domain = text.strip().rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        domain = ""
    if not _DOMAIN.fullmatch(domain):
        raise ValueError("a domain looks like example.com, without https:// and without an address")
    return domain


def gateway_url(text: str) -> str:
    """The URL at which SNS reaches the gateway, without its path. Raises `ValueError` with the rule."""
    url = text.strip().rstrip("/").removesuffix(FEEDBACK_PATH)
    try:
        parts = urlsplit(url)
        has_host = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        has_more = bool(parts.query or parts.fragment) or parts.username is not None
        is_valid = has_host and not has_more and bool(_OF_A_TAG.fullmatch(url))
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError("a URL looks like https://mail.example.com, without a query and without credentials")
    return url


def is_reachable_by_aws(url: str) -> bool:
    """Whether SNS can possibly reach this URL: not an address of this machine."""
    host = urlsplit(url).hostname or ""
    return host != "localhost" and not host.startswith("127.") and host not in {"::1", "0.0.0.0"}  # noqa: S104 - compared
