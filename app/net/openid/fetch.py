"""Fetches small JSON objects from an OpenID provider, within bounds of time and size, following no redirect."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import urllib3
from botocore.httpsession import get_cert_path

from app.domain.users.openid import ProviderFault, ProviderSilent
from app.net.proxy import Proxy

_LONGEST: Final = 256 * 1024
_PIECE: Final = 16 * 1024
_CONNECT_S, _READ_S, _ALL_S = 3.0, 5.0, 8.0
_SILENT_S: Final = 5.0
_OK: Final = 200


class Silence:
    """Whether the provider was silent a moment ago: then the next sign-ins do not wait for it, too. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._until: float | None = None

    def is_over(self) -> bool:
        """Whether the provider may be asked. After a silence one caller asks, and the others wait for what it finds."""
        with self._lock:
            now = self._monotonic()
            if self._until is not None and now < self._until:
                return False
            self._until = now + _SILENT_S if self._until is not None else None
            return True

    def note(self, *, silent: bool) -> None:
        """Remember how the provider has just been."""
        with self._lock:
            self._until = self._monotonic() + _SILENT_S if silent else None


class Fetch:
    """Fetches from one provider, through the proxy of this host where there is one. Thread-safe.

    The methods raise `ProviderSilent`, also for a few seconds after they did, and `ProviderFault`.
    """

    def __init__(self, *, proxy: Proxy | None, monotonic: Callable[[], float]) -> None:
        bounds: dict[str, Any] = {
            "num_pools": 4,
            "retries": False,
            "timeout": urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
            "ssl_context": _tls(),
        }
        self._direct = urllib3.PoolManager(**bounds)
        self._proxied = urllib3.ProxyManager(proxy.url, proxy_headers=proxy.headers, **bounds) if proxy else None
        self._proxy = proxy
        self._silence = Silence(monotonic)

    def get(self, url: str, *, bearer: str | None = None) -> dict[str, Any]:
        """The object at a URL."""
        return self._ask("GET", url, {"Authorization": f"Bearer {bearer}"} if bearer else {})

    def post(self, url: str, fields: Mapping[str, str], *, headers: Mapping[str, str]) -> dict[str, Any]:
        """The object that answers a form."""
        form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return self._ask("POST", url, form, urlencode(fields))

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: str | None = None) -> dict[str, Any]:
        if not self._silence.is_over():
            raise ProviderSilent("silent a moment ago")
        try:
            status, text = self._answer(method, url, headers, body)
        except ProviderSilent:
            self._silence.note(silent=True)
            raise
        self._silence.note(silent=False)
        if status != _OK:
            raise ProviderFault(f"answered with the status {status}")
        if len(text) > _LONGEST:
            raise ProviderFault("sent more than it may")
        return _object(text)

    def _answer(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> tuple[int, bytes]:
        given = {"Accept": "application/json", **headers}
        try:
            with self._pool(url).request(
                method, url, body=body, headers=given, redirect=False, preload_content=False, decode_content=False
            ) as answer:
                return answer.status, _text(answer)
        except urllib3.exceptions.HTTPError as error:
            raise ProviderSilent(type(error).__name__) from error

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        is_proxied = self._proxy is not None and parts.scheme == "https" and self._proxy.is_for(parts.hostname or "")
        return self._proxied if self._proxied is not None and is_proxied else self._direct


def _tls() -> ssl.SSLContext:
    """The authorities of this host (or of `SSL_CERT_FILE`), and those of boto3, since some hosts have none."""
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=get_cert_path(verify=True))
    return context


def _text(answer: urllib3.BaseHTTPResponse) -> bytes:
    """What was answered, or a little more than it may be: a read waits for a piece, and pieces may come for ever."""
    until = time.monotonic() + _ALL_S
    text = b""
    while piece := answer.read1(_PIECE):
        text += piece
        if len(text) > _LONGEST:
            break
        if time.monotonic() > until:
            raise ProviderSilent("too slow")
    return text


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ProviderFault("sent no JSON object")
    return found
