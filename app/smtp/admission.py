"""How many connections there are, whole, from one address and with one key; and how often AUTH has failed from where.

It counts in the memory of this process, and names neither in a log. Pure but for the clock that it is given.
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_FORGOTTEN_AFTER_S: Final = 600.0
_REMEMBERED_AT_MOST: Final = 10_000
_SLOWEST_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MostConnections:
    """The most connections at the same time."""

    whole: int
    per_address: int
    per_key: int


class Admission:
    """Counts the connections of one door."""

    def __init__(self, most: MostConnections, *, monotonic: Callable[[], float]) -> None:
        self._most = most
        self._monotonic = monotonic
        self._of_address: Counter[str] = Counter()
        self._of_key: Counter[str] = Counter()
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    @property
    def connections(self) -> int:
        """How many there are."""
        return self._of_address.total()

    @property
    def is_full(self) -> bool:
        """Whether there are as many as may be."""
        return self.connections >= self._most.whole

    def enter(self, network: str) -> bool:
        """Count a connection. False, and not counted, when there are too many; else `leave` has to follow."""
        if self.is_full or self._of_address[network] >= self._most.per_address:
            return False
        self._of_address[network] += 1
        return True

    def leave(self, network: str, key: str | None) -> None:
        """The connection is over."""
        _less(self._of_address, network)
        if key is not None:
            _less(self._of_key, key)

    def sign_in(self, key: str) -> bool:
        """Count a session of this key. False, and not counted, when there are too many."""
        if self._of_key[key] >= self._most.per_key:
            return False
        self._of_key[key] += 1
        return True

    def fail(self, network: str) -> float:
        """AUTH has failed from here. For how many seconds the reply waits: each time twice as long."""
        now = self._monotonic()
        since, number = self._failures.pop(network, (now, 0))
        number = number + 1 if now - since < _FORGOTTEN_AFTER_S else 1
        self._failures[network] = (now, number)
        if len(self._failures) > _REMEMBERED_AT_MOST:
            self._failures.popitem(last=False)
        return min(_SLOWEST_S, 2.0 ** min(number - 1, 10) / 2)


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of IPv6 that one host may have to itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if found.version == 6:
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def is_loopback(address: str) -> bool:
    """Whether the other side is on this host."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if found.version == 6 else None
    return (mapped or found).is_loopback


def _less(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if counts[name] <= 0:
        del counts[name]
