"""The URL of an endpoint, as an application gives it: which one is taken, and how it is written from then on.

It takes the strict core of RFC 3986 that every parser reads alike, since a URL that two parsers read differently leads
past the check of the first. Where the name leads, `app.domain.webhooks.addresses` decides when it is called.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import Final

import idna

_LONGEST: Final = 2048
_LONGEST_HOST: Final = 253
_PORTS: Final = {"https": 443, "http": 80}
_FIRST_FREE_PORT: Final = 1024

_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>[^#]*)(?P<fragment>#.*)?"
)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_REST: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# How a parser of URLs sees that a host is an IPv4 address, in whatever form.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


class InvalidEndpointUrl(ValueError):
    """The URL breaks the rule that the text names; the text does not repeat the URL."""


def parse_endpoint_url(text: str, *, allow_http_loopback: bool) -> str:
    """The URL in its one spelling: scheme and host in lower case, IDN as A-labels, no default port, a path.

    `http` is taken only for this machine (`localhost`, 127.0.0.0/8, `[::1]`), and only if allowed. Raises
    `InvalidEndpointUrl`.
    """
    parts = _split(text)
    scheme = parts["scheme"].lower()
    if scheme not in _PORTS:
        raise InvalidEndpointUrl("The URL must begin with https://.")
    if parts["fragment"] is not None:
        raise InvalidEndpointUrl("The URL must have no fragment (#…): it is never sent.")
    if "@" in parts["authority"]:
        raise InvalidEndpointUrl("The URL must hold no user and password; the signature proves the sender.")
    authority = _AUTHORITY.fullmatch(parts["authority"])
    if authority is None:
        raise InvalidEndpointUrl("After // there must be a host, and at most a port of digits.")
    host = _host(authority["host"], localhost=allow_http_loopback)
    if scheme == "http" and not (allow_http_loopback and _is_loopback(host)):
        raise InvalidEndpointUrl("The URL must begin with https://.")
    port = _port(authority["port"], scheme)
    if not _REST.fullmatch(parts["rest"]):
        raise InvalidEndpointUrl("In path and query, percent-encode what is not a letter, digit or mark of RFC 3986.")
    rest = parts["rest"] if parts["rest"].startswith("/") else f"/{parts['rest']}"
    return f"{scheme}://{host}{port}{rest}"


def _split(text: str) -> re.Match[str]:
    if len(text) > _LONGEST:
        raise InvalidEndpointUrl(f"The URL must have at most {_LONGEST} characters.")
    if "\\" in text or any(character.isspace() or not character.isprintable() for character in text):
        raise InvalidEndpointUrl("The URL must hold no space, no control character and no backslash.")
    parts = _URL.fullmatch(text)
    if parts is None:
        raise InvalidEndpointUrl("The URL must begin with https://.")
    return parts


def _port(digits: str | None, scheme: str) -> str:
    """The port as the URL has it: nothing for the default one."""
    if digits is None:
        return ""
    if digits == str(_PORTS[scheme]):
        return ""
    if digits.startswith("0") or not _FIRST_FREE_PORT <= int(digits) <= 65535:
        raise InvalidEndpointUrl(f"The port must be {_PORTS[scheme]} or one from {_FIRST_FREE_PORT} to 65535.")
    return f":{digits}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host(host: str, *, localhost: bool) -> str:
    """The host in its one spelling: an address, or a name of two labels or more, or `localhost` where that may be."""
    if localhost and host.lower() == "localhost":
        return "localhost"
    if host.startswith("["):
        return _ipv6(host[1:-1])
    labels = [_label(label) for label in host.split(".")]
    if labels[-1] == "":
        raise InvalidEndpointUrl("The host must not be empty and must not end with a dot.")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(".".join(labels))
    name = ".".join(labels)
    if not all(_LABEL.fullmatch(label) for label in labels) or len(name) > _LONGEST_HOST:
        raise InvalidEndpointUrl("The host must be a name of letters, digits and hyphens, at most 253 characters long.")
    if len(labels) == 1:
        raise InvalidEndpointUrl("The host must be a full name, such as hooks.example.com.")
    return name


def _label(label: str) -> str:
    """The label in ASCII; the dots of other scripts are in none."""
    label = label.lower()
    if label.isascii() and not label.startswith("xn--"):
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError:
        raise InvalidEndpointUrl("The host must be a valid international name (IDNA 2008).") from None


def _ipv4(host: str) -> str:
    try:
        return str(IPv4Address(host))
    except AddressValueError:
        raise InvalidEndpointUrl("An IPv4 address must be four decimal numbers without leading zeros.") from None


def _ipv6(host: str) -> str:
    try:
        address = IPv6Address(host)
    except AddressValueError:
        raise InvalidEndpointUrl("In brackets there must be an IPv6 address.") from None
    if address.scope_id is not None:
        raise InvalidEndpointUrl("An IPv6 address must have no zone.")
    return f"[{address}]"
