"""SES v2 without boto3's machinery around each call: the same request, signed by botocore, on kept connections.

It stands in for boto3's client and decides nothing about what an answer proves: it raises what boto3 raises, so that
`app.aws.ses` judges both alike. It sends each request once, verifies TLS as boto3 does and takes credentials from
boto3's own chain, which renews them. It goes through no proxy.
"""

import json
import socket
import ssl
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from select import POLLIN, poll
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import botocore.session
from botocore import exceptions as boto
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.credentials import Credentials
from botocore.httpsession import get_cert_path
from botocore.parsers import RestJSONParser
from botocore.utils import get_environ_proxies

from app.aws.clients import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, one_attempt

OPERATION: Final = "SendEmail"
PATH: Final = "/v2/email/outbound-emails"
LONGEST_ANSWER: Final = 64 * 1024
# SES closes connections that rest; one that rested for long may be closed at the very moment that it is used.
LONGEST_REST_S: Final = 15.0

Json = dict[str, Any]


class BehindAProxy(Exception):
    """The way to SES leads through a proxy, which this transport does not take."""


class FastSesClient:
    """What `SesMailer` needs of boto3's client: `send_email`. Safe to call from many threads; made after forking.

    `session` brings credentials, endpoint and CA bundle. Raises `BehindAProxy`.
    """

    def __init__(
        self,
        session: botocore.session.Session,
        *,
        region: str,
        read_timeout_s: float = READ_TIMEOUT_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        reference = session.create_client("sesv2", region_name=region, config=one_attempt(1, read_timeout_s))
        endpoint = reference.meta.endpoint_url
        if get_environ_proxies(endpoint):
            raise BehindAProxy
        self._url = endpoint.rstrip("/") + PATH
        self._region = reference.meta.region_name
        self._service = reference.meta.service_model.signing_name
        self._user_agent = session.user_agent()
        self._credentials: Credentials | None = session.get_credentials()
        self._connections = Connections(
            self._url, ca_bundle=session.get_config_variable("ca_bundle"), read_timeout_s=read_timeout_s, now=monotonic
        )
        self._answer_shape = reference.meta.service_model.shape_for("SendEmailResponse")
        self._parser = RestJSONParser()
        reference.close()

    def send_email(self, **request: Any) -> Mapping[str, Any]:
        """SES's answer to `SendEmail` of raw content. Raises what boto3 raises; never sends a request twice."""
        body = _body(request)
        status, headers, content = self._connections.post(body, self._headers(body))
        if status >= 300:
            answered = {"status_code": status, "headers": headers, "body": content}
            parsed = self._parser.parse(answered, self._answer_shape)
            raise boto.ClientError(parsed, OPERATION)
        answer: Mapping[str, Any] = json.loads(content)
        return answer

    def close(self) -> None:
        """Give the connections back."""
        self._connections.close()

    def _headers(self, body: bytes) -> dict[str, str]:
        """Those of boto3, signed by the credentials of this moment."""
        if self._credentials is None:
            raise boto.NoCredentialsError
        request = AWSRequest("POST", self._url, headers={"Content-Type": "application/json"}, data=body)
        SigV4Auth(self._credentials.get_frozen_credentials(), self._service, self._region).add_auth(request)
        return {
            **dict(request.headers.items()),
            "User-Agent": self._user_agent,
            "amz-sdk-invocation-id": str(uuid4()),
            "amz-sdk-request": "attempt=1; max=1",
        }


def fast_client(region: str, *, read_timeout_s: float = READ_TIMEOUT_S) -> FastSesClient:
    """A client with the credentials, endpoint and CA bundle that boto3 would use. Raises `BehindAProxy`."""
    return FastSesClient(botocore.session.get_session(), region=region, read_timeout_s=read_timeout_s)


class Connections:
    """Connections to one endpoint: taken, used for one request, and given back if they can carry another."""

    def __init__(self, url: str, *, ca_bundle: str | None, read_timeout_s: float, now: Callable[[], float]) -> None:
        parts = urlsplit(url)
        self._url = url
        self._path = parts.path
        self._host, self._port = parts.hostname or "", parts.port
        self._tls = _tls(ca_bundle) if parts.scheme == "https" else None
        self._read_timeout_s = read_timeout_s
        self._now = now
        self._resting: deque[tuple[HTTPConnection, float]] = deque()

    def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, HeadersDict, bytes]:
        """Status, headers and content of the answer to one POST.

        What fails before the request can have left raises an error that says so; anything later, one that does not.
        """
        connection = self._rested() or self._connect()
        kept = False
        try:
            connection.request("POST", self._path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read(LONGEST_ANSWER)
            kept = answer.isclosed() and not answer.will_close
            return answer.status, HeadersDict(answer.getheaders()), content
        except TimeoutError as error:
            raise boto.ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except (OSError, HTTPException) as error:
            raise boto.ConnectionClosedError(endpoint_url=self._url, error=error) from error
        finally:
            if kept:
                self._resting.append((connection, self._now()))
            else:
                connection.close()

    def close(self) -> None:
        """Close those that rest."""
        while self._resting:
            self._resting.pop()[0].close()

    def _rested(self) -> HTTPConnection | None:
        """The connection that was used last, if it is still good; those that are not are closed."""
        while self._resting:
            try:
                connection, since = self._resting.pop()
            except IndexError:
                return None
            if self._now() - since <= LONGEST_REST_S and not _has_ended(connection.sock):
                return connection
            connection.close()
        return None

    def _connect(self) -> HTTPConnection:
        connection = self._new()
        try:
            connection.connect()
        except TimeoutError as error:
            connection.close()
            raise boto.ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except ssl.SSLError as error:
            connection.close()
            raise boto.SSLError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            connection.close()
            raise boto.EndpointConnectionError(endpoint_url=self._url, error=error) from error
        connection.auto_open = 0  # what has ended is not opened again in the midst of a request
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.sock.settimeout(self._read_timeout_s)
        return connection

    def _new(self) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(self._host, self._port, timeout=CONNECT_TIMEOUT_S)
        return HTTPSConnection(self._host, self._port, timeout=CONNECT_TIMEOUT_S, context=self._tls)


def _body(request: Mapping[str, Any]) -> bytes:
    """The request as boto3 writes it: the raw message in base64, the rest as it is."""
    raw = b64encode(request["Content"]["Raw"]["Data"]).decode("ascii")
    return json.dumps({**request, "Content": {"Raw": {"Data": raw}}}).encode()


def _tls(ca_bundle: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_bundle or get_cert_path(verify=True))


def _has_ended(sock: socket.socket) -> bool:
    """Whether there is anything to read on a connection on which nothing is expected: its end, as a rule."""
    waiting = poll()
    waiting.register(sock, POLLIN)
    return bool(waiting.poll(0))
