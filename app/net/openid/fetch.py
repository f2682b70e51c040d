"""Fetches small JSON objects from an OpenID provider, within bounds of time and size, following no redirect."""

import json
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import urllib3
from botocore.httpsession import get_cert_path

from app.domain.users.openid import ProviderFault, ProviderSilent

_LONGEST: Final = 256 * 1024
_PIECE: Final = 16 * 1024
_CONNECT_S, _READ_S, _ALL_S = 3.0, 5.0, 8.0
_OK: Final = 200


class Fetch:
    """Fetches from one provider. The methods raise `ProviderSilent` and `ProviderFault`. Thread-safe."""

    def __init__(self) -> None:
        timeout = urllib3.Timeout(connect=_CONNECT_S, read=_READ_S)
        self._pool = urllib3.PoolManager(num_pools=4, retries=False, timeout=timeout, ssl_context=_tls())

    def get(self, url: str, *, bearer: str | None = None) -> dict[str, Any]:
        """The object at a URL."""
        return self._ask("GET", url, {"Authorization": f"Bearer {bearer}"} if bearer else {})

    def post(self, url: str, fields: Mapping[str, str], *, headers: Mapping[str, str]) -> dict[str, Any]:
        """The object that answers a form."""
        form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        return self._ask("POST", url, form, urlencode(fields))

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: str | None = None) -> dict[str, Any]:
        given = {"Accept": "application/json", **headers}
        try:
            with self._pool.request(
                method, url, body=body, headers=given, redirect=False, preload_content=False, decode_content=False
            ) as answer:
                text, status = _text(answer), answer.status
        except urllib3.exceptions.HTTPError as error:
            raise ProviderSilent(type(error).__name__) from error
        if status != _OK:
            raise ProviderFault(f"answered with the status {status}")
        return _object(text)


def _tls() -> ssl.SSLContext:
    """The authorities of this host (or of `SSL_CERT_FILE`), and those of boto3, since some hosts have none."""
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=get_cert_path(verify=True))
    return context


def _text(answer: urllib3.BaseHTTPResponse) -> bytes:
    """What was answered, if it is short and ends in time: a read waits for a piece, and pieces may come for ever."""
    until = time.monotonic() + _ALL_S
    text = b""
    while piece := answer.read1(_PIECE):
        text += piece
        if len(text) > _LONGEST:
            raise ProviderFault("sent more than it may")
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
