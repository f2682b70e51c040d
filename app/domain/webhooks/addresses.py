"""Which IP addresses Postern may post to, since applications choose the URLs of their webhooks.

It decides by the address alone: only what the whole internet can reach, and what an operator has allowed. The networks
are those of IANA's registries of special-purpose addresses, and of the metadata services of clouds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL_4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # automatic multicast tunnels
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast
    )
)
_UNICAST_6: Final = IPv6Network("2000::/3")
_SPECIAL_6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_METADATA: Final = frozenset(
    ip_address(address)
    for address in (
        "168.63.129.16",  # Azure
        "169.254.169.254",
        "169.254.170.2",  # ECS
        "169.254.170.23",  # EKS
        "fd00:ec2::23",
        "fd00:ec2::254",
        "192.0.0.192",  # Oracle
        "100.100.100.200",  # Alibaba
        "fd20:ce::254",  # Google
    )
)


@dataclass(frozen=True, slots=True)
class AllowedAddresses:
    """Networks that an operator has allowed besides the public internet."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """The networks of texts like `10.20.0.0/16`. Raises `ValueError` for one that is no network."""
        return cls(tuple(ip_network(text) for text in texts))

    def permit(self, address: Address) -> bool:
        """Whether Postern may post to this address.

        A metadata service hands out credentials, so no wide network allows it: it has to be listed by itself.
        """
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return False
        reached = _reached(address)
        if reached in _METADATA:
            return ip_network(reached) in self.networks
        return any(reached in network for network in self.networks) or _is_public(reached)


def _reached(address: Address) -> Address:
    """The IPv4 address behind one that IPv6 wraps for a translator, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    return address in _UNICAST_6 and not any(address in one for one in _SPECIAL_6)
