"""`--resolver`, for the commands that ask the DNS."""

import argparse
import ipaddress
from argparse import ArgumentParser
from typing import Final

_DNS_PORT: Final = 53
_RULE: Final = "a resolver is an IP address, or an IPv4 address and a port"


def add_resolver_option(parser: ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--resolver",
        type=resolver,
        metavar="HOST[:PORT]",
        help="ask this DNS resolver, an IP address; default: that of the host, and none for a simulator",
    )


def resolver(text: str) -> tuple[str, int]:
    """Parse `HOST` or `HOST:PORT`, an IP address, as an argparse type."""
    host, _, port = text.rpartition(":") if text.count(":") == 1 else (text, "", str(_DNS_PORT))
    try:
        address, number = str(ipaddress.ip_address(host)), int(port)
    except ValueError as error:
        raise argparse.ArgumentTypeError(_RULE) from error
    if not 0 < number < 65_536:
        raise argparse.ArgumentTypeError(_RULE)
    return address, number
