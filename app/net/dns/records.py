"""Records of the DNS, as texts. It decides which resolver is asked, and how long."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from dns.exception import DNSException
from dns.rdatatype import RdataType
from dns.resolver import NXDOMAIN, Answer, NoAnswer, Resolver

from app.domain.account.published import DnsSilent

_ANSWER_WITHIN_S: Final = 4.0


class Resolved:
    """Asks one resolver; see `app.domain.account.published.Records`."""

    def __init__(self, resolver: Resolver | None) -> None:
        """Without a resolver, every question gets no answer."""
        self._resolver = resolver

    def cname(self, name: str) -> tuple[str, ...]:
        """The targets of the CNAME. Raises `DnsSilent`."""
        return tuple(_host(record.target.to_text()) for record in self._ask(name, RdataType.CNAME))

    def mx(self, name: str) -> tuple[str, ...]:
        """The mail exchangers. Raises `DnsSilent`."""
        return tuple(_host(record.exchange.to_text()) for record in self._ask(name, RdataType.MX))

    def txt(self, name: str) -> tuple[str, ...]:
        """The texts. Raises `DnsSilent`."""
        return tuple(b"".join(record.strings).decode("utf-8", "replace") for record in self._ask(name, RdataType.TXT))

    def addresses(self, host: str) -> tuple[IPv4Address | IPv6Address, ...]:
        """All addresses of a host, IPv4 first, within 8 seconds; nothing if there is no such host.

        One of both questions is enough if its answer names an address: some servers say nothing about IPv6. Else raises
        `DnsSilent`.
        """
        found, silence = [], None
        for kind in (RdataType.A, RdataType.AAAA):
            try:
                found += [ip_address(record.address) for record in self._ask(host, kind)]
            except DnsSilent as error:
                silence = error
        if silence is not None and not found:
            raise silence
        return tuple(found)

    def _ask(self, name: str, kind: RdataType) -> Answer | tuple[()]:
        """The records of a kind. The trailing dot keeps search lists out."""
        if self._resolver is None:
            raise DnsSilent("this host names no resolver")
        try:
            return self._resolver.resolve(f"{name}.", kind, lifetime=_ANSWER_WITHIN_S)
        except (NXDOMAIN, NoAnswer):
            return ()
        except DNSException as error:
            raise DnsSilent(type(error).__name__) from error


def resolved(resolver: tuple[str, int] | None = None) -> Resolved:
    """By the resolver at this IP address and port, else by that of this host, which may have none."""
    try:
        asked = Resolver(configure=resolver is None)
    except DNSException:
        return Resolved(None)
    if resolver is not None:
        asked.nameservers, asked.port = [resolver[0]], resolver[1]
    return Resolved(asked)


def _host(name: str) -> str:
    return name.removesuffix(".").lower()
