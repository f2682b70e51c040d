"""The HTTP proxy through which a host reaches the internet, where its environment names one."""

import socket
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Final, Self
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment
from urllib.request import proxy_bypass_environment as is_exempt  # type: ignore[attr-defined] # typeshed lacks it

from app.net.timed_socket import Deadline, TimedSocket

_DEFAULT_PORT: Final = 80  # as for boto3


class ProxyRefused(Exception):
    """The proxy did not open a way to the host; the text says with which status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy. `exempt` lists the hosts that are reached without it, as `NO_PROXY` does."""

    host: str
    port: int
    headers: Mapping[str, str] = field(repr=False)
    exempt: str = ""

    @classmethod
    def at(cls, url: str, *, exempt: str = "") -> Self:
        """The proxy at `http://user:password@proxy.example:3128`, with the scheme or without. Raises `ValueError`."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("HTTPS_PROXY must be an http:// URL")
        user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        headers = {"Proxy-Authorization": f"Basic {b64encode(user.encode()).decode()}"} if parts.username else {}
        return cls(host=parts.hostname, port=parts.port or _DEFAULT_PORT, headers=headers, exempt=exempt)

    @classmethod
    def of_environment(cls) -> Self | None:
        """The one of `HTTPS_PROXY` and `NO_PROXY`, in either case; else None. Raises `ValueError`."""
        named = getproxies_environment()
        return cls.at(named["https"], exempt=named.get("no", "")) if named.get("https") else None

    @property
    def url(self) -> str:
        """Where it is, without what proves us to it."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def is_for(self, host: str) -> bool:
        """Whether a host is reached through it."""
        return not is_exempt(host, {"no": self.exempt})

    def open(self, host: str, port: int, deadline: Deadline) -> socket.socket:
        """A connection that the proxy leads on to the host. Raises `ProxyRefused`, `OSError` or `HTTPException`."""
        connected = socket.create_connection((self.host, self.port), timeout=deadline.left())
        try:
            self._ask(connected, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", deadline)
        except BaseException:
            connected.close()
            raise
        return connected

    def _ask(self, connected: socket.socket, way: str, deadline: Deadline) -> None:
        asking = HTTPConnection(self.host)
        asking.sock = TimedSocket(connected, deadline)
        asking.request("CONNECT", way, headers={"Host": way, **self.headers})
        status = asking.getresponse().status
        if not 200 <= status < 300:
            raise ProxyRefused(f"the proxy answered {status}")
