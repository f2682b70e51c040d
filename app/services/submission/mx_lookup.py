"""Does a domain take mail at all? Asks the DNS for many domains at a time, within a bounded time.

This module decides what the answers of the DNS mean for mail (RFC 5321 section 5.1, RFC 7505) and how long they are
believed. Without an answer in time there is no verdict: no email is ever held back for it.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final, Protocol

from dns.exception import DNSException
from dns.rdatatype import RdataType
from dns.resolver import NXDOMAIN, Answer, NoAnswer, Resolver

ANSWER_WITHIN_S: Final = 1.5
ALL_WITHIN_S: Final = 2.0
AT_A_TIME: Final = 16
BELIEVED_FOR_S: Final = 3600.0
REMEMBERED: Final = 10_000


class Dns(Protocol):
    """Whether a domain takes mail; None if that could not be found out."""

    def takes_mail(self, domain: str) -> bool | None:
        """`domain` is in A-labels. Never raises; takes some seconds at most."""


class SystemDns:
    """The resolver of this host."""

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._resolver = resolver or Resolver()

    def takes_mail(self, domain: str) -> bool | None:
        """Decided by its MX records, without any by its address (RFC 5321); never with a null MX (RFC 7505)."""
        try:
            exchanges = self._ask(domain, RdataType.MX)
            if exchanges is not None:
                return any(record.exchange.to_text() != "." for record in exchanges)
            return any(self._ask(domain, kind) is not None for kind in (RdataType.A, RdataType.AAAA))
        except NXDOMAIN:
            return False
        except DNSException:
            return None

    def _ask(self, domain: str, kind: RdataType) -> Answer | None:
        """The records of a kind; None if the name has none. The trailing dot keeps search lists out."""
        try:
            return self._resolver.resolve(f"{domain}.", kind, lifetime=ANSWER_WITHIN_S)
        except NoAnswer:
            return None


class MailHosts:
    """Asks the DNS for many domains and remembers the answers."""

    def __init__(self, dns: Dns, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._dns = dns
        self._monotonic = monotonic
        self._threads = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="dns")
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[bool, float]] = OrderedDict()

    def without(self, domains: Iterable[str]) -> frozenset[str]:
        """Those of these domains that certainly take no mail, as far as the DNS answers within some seconds."""
        wanted = set(domains)
        known = {domain: found for domain in wanted if (found := self._remembered(domain)) is not None}
        asked = {domain: self._threads.submit(self._look_up, domain) for domain in wanted - known.keys()}
        wait(asked.values(), timeout=ALL_WITHIN_S)
        known |= {domain: found for domain, future in asked.items() if (found := _in_time(future)) is not None}
        return frozenset(domain for domain, takes_mail in known.items() if not takes_mail)

    def close(self) -> None:
        """Stop asking."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _look_up(self, domain: str) -> bool | None:
        found = self._dns.takes_mail(domain)
        if found is not None:
            with self._lock:
                self._known[domain] = (found, self._monotonic() + BELIEVED_FOR_S)
                if len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        return found

    def _remembered(self, domain: str) -> bool | None:
        with self._lock:
            found, until = self._known.get(domain, (None, 0.0))
        return found if self._monotonic() < until else None


def _in_time(asked: "Future[bool | None]") -> bool | None:
    """The answer, or None if there is none yet. A question that still waits for a thread is dropped."""
    if asked.done():
        return asked.result()
    asked.cancel()
    return None
