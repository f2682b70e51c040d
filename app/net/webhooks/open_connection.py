"""Opens connections to endpoints: only to addresses that may be called, and private where the URL is https.

It decides whether a connection may be made. The host is looked up here and nowhere else: all of its addresses have to
be fit, and the connection goes to one of them, so that a later answer of the DNS changes nothing. TLS still proves the
name.
"""

import socket
import ssl
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult

from botocore.httpsession import get_cert_path

from app.domain.account.published import DnsSilent
from app.domain.webhooks.addresses import Address, AllowedAddresses
from app.net.proxy import Proxy
from app.net.timed_socket import Deadline

_CONNECT_S: Final = 5.0
_MOST_ADDRESSES: Final = 4
_LOCALHOST: Final = (ip_address("127.0.0.1"), ip_address("::1"))

Resolve = Callable[[str], Sequence[Address]]
"""All addresses of a host, or none; raises `DnsSilent`. It takes a few seconds at most."""


class AddressRefused(Exception):
    """The host has an address that may not be called."""


class NoSuchHost(Exception):
    """The DNS knows no address of the host."""


class OpenConnection:
    """Opens one connection a call. Safe to use from many threads."""

    def __init__(
        self, *, resolve: Resolve, allowed: AllowedAddresses, proxy: Proxy | None, ca_file: str | None
    ) -> None:
        self._resolve = resolve
        self._allowed = allowed
        self._proxy = proxy
        self._tls = _tls(ca_file)

    def __call__(self, parts: SplitResult, deadline: Deadline) -> socket.socket:
        """A connection for the URL, after the handshake if it is https. `app.net.webhooks.post` says what it raises."""
        host = parts.hostname or ""
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        proxy = self._proxy if self._proxy is not None and secure and self._proxy.is_for(host) else None
        addresses = self._fit_addresses(host, proxied=proxy is not None)
        connected = proxy.open(host, port, deadline) if proxy is not None else _connect(addresses, port, deadline)
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.settimeout(deadline.left())
            return self._tls.wrap_socket(connected, server_hostname=host) if secure else connected
        except BaseException:
            connected.close()
            raise

    def _fit_addresses(self, host: str, *, proxied: bool) -> Sequence[Address]:
        """All addresses of a host, each of which may be called. Behind a proxy, a host may be unknown here."""
        try:
            addresses = self._look_up(host)
        except DnsSilent:
            if not proxied:
                raise
            return ()
        if not all(self._allowed.permit(address) for address in addresses):
            raise AddressRefused
        if not addresses and not proxied:
            raise NoSuchHost
        return addresses

    def _look_up(self, host: str) -> Sequence[Address]:
        if host == "localhost":
            return _LOCALHOST
        try:
            return (ip_address(host),)
        except ValueError:
            return self._resolve(host)


def _connect(addresses: Sequence[Address], port: int, deadline: Deadline) -> socket.socket:
    """A connection to the first of the addresses that takes one. Raises what the last of them failed with."""
    failure: OSError = OSError("no address")
    for address in addresses[:_MOST_ADDRESSES]:
        try:
            return socket.create_connection((str(address), port), timeout=min(deadline.left(), _CONNECT_S))
        except OSError as error:
            failure = error
    raise failure


def _tls(ca_file: str | None) -> ssl.SSLContext:
    """TLS 1.2 or newer. Its default are the authorities of this host, and those of boto3 since some hosts have none."""
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file is None:
        context.load_verify_locations(cafile=get_cert_path(verify=True))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
