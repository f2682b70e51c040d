"""SES v2 without boto3's machinery around each call: the same request, on connections that are kept.

It replaces boto3's client and raises what boto3 raises, so that `app.aws.ses.mailer` can judge the answers of both
alike. It sends each request once, and takes endpoint, CA bundle and credentials, of whatever provider, from botocore,
which renews them. What it leaves to boto3 is decided here: a proxy, an endpoint of an unusual form, and authorities
that cannot be read.
"""

import json
import os
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import botocore.session
from botocore import exceptions as boto
from botocore.credentials import Credentials
from botocore.parsers import RestJSONParser
from botocore.utils import get_environ_proxies

from app.aws.clients import READ_TIMEOUT_S, one_attempt
from app.aws.credentials import following_session
from app.aws.ses.connections import Exchange, HttpResponse, KeptConnections
from app.aws.ses.sigv4 import JSON, Signer, host_of

OPERATION: Final = "SendEmail"
PATH: Final = "/v2/email/outbound-emails"


class NeedsBoto3(Exception):
    """The environment asks for what only boto3 does; the text says what, as a clause."""


class FastSesClient:
    """What `SesMailer` needs of boto3's client: `send_email`. Safe to call from many threads; made after forking.

    `session` gives credentials, endpoint and CA bundle; `clock`, aware UTC, dates the requests, which go to
    `url`. Raises `NeedsBoto3`.
    """

    def __init__(
        self,
        session: botocore.session.Session,
        *,
        region: str,
        clock: Callable[[], datetime],
        read_timeout_s: float = READ_TIMEOUT_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        reference = session.create_client("sesv2", region_name=region, config=one_attempt(1, read_timeout_s))
        endpoint, model = reference.meta.endpoint_url, reference.meta.service_model
        reference.close()
        if reason := reason_for_boto3(endpoint):
            raise NeedsBoto3(reason)
        self.url = endpoint.rstrip("/") + PATH
        self._head = _head(self.url, user_agent=session.user_agent())
        self._sign = Signer(self.url, region=reference.meta.region_name, service=model.signing_name, clock=clock)
        self._credentials: Credentials | None = session.get_credentials()
        ca_bundle = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        try:
            self._connections = KeptConnections(
                self.url, ca_bundle=ca_bundle, read_timeout_s=read_timeout_s, now=monotonic
            )
        except OSError as error:
            raise NeedsBoto3("the file of trusted certificates cannot be read") from error
        self._answer_shape = model.shape_for("SendEmailResponse")
        self._parser = RestJSONParser()

    def send_email(self, **request: Any) -> Mapping[str, Any]:
        """SES's answer to `SendEmail` of raw content. Raises what boto3 raises; never sends a request twice."""
        return self.answer(self.begin(_do_nothing, **request).read())

    def begin(self, before_waiting: Callable[[], None], /, **request: Any) -> Exchange:
        """The same call until its request is written; `answer` parses what is then read. Raises what boto3 raises.

        `before_waiting` is as in `KeptConnections.send`.
        """
        return self._connections.send(self._request(_body(request)), before_waiting=before_waiting)

    def answer(self, read: HttpResponse) -> Mapping[str, Any]:
        """SES's answer. Raises what boto3 raises."""
        status, headers, content = read
        if status >= 300:
            answered = {"status_code": status, "headers": headers, "body": content}
            parsed = self._parser.parse(answered, self._answer_shape)
            raise boto.ClientError(parsed, OPERATION)
        answer: Mapping[str, Any] = json.loads(content)
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        self._connections.close()

    def _request(self, body: bytes) -> bytes:
        """The whole request, signed with the current credentials."""
        if self._credentials is None:
            raise boto.NoCredentialsError
        signed = self._sign(body, self._credentials.get_frozen_credentials())
        token = f"X-Amz-Security-Token: {signed.token}\r\n" if signed.token else ""
        head = (
            f"{self._head}X-Amz-Date: {signed.date}\r\n{token}Authorization: {signed.authorization}\r\n"
            f"amz-sdk-invocation-id: {uuid4()}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def fast_client(
    region: str,
    *,
    clock: Callable[[], datetime],
    read_timeout_s: float = READ_TIMEOUT_S,
    session: botocore.session.Session | None = None,
) -> FastSesClient:
    """A client with the credentials, endpoint and CA bundle that boto3 would use. Raises `NeedsBoto3`."""
    return FastSesClient(session or following_session(), region=region, clock=clock, read_timeout_s=read_timeout_s)


def reason_for_boto3(endpoint: str) -> str | None:
    """Why only boto3 can call this endpoint from here, as a clause; None if the fast transport can.

    There is a proxy if the environment names one for the endpoint's scheme, and `NO_PROXY` does not exempt its host.
    botocore's result also holds proxies of other schemes, and `NO_PROXY` itself under the name `no`.
    """
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or parts.query or parts.fragment or parts.username is not None:
        return "the endpoint of SES is more than `http` or `https`, a host and a path"
    if get_environ_proxies(endpoint).get(parts.scheme):
        return "the environment names a proxy for SES"
    return None


def _do_nothing() -> None:
    """Do nothing: the caller waits for the answer in any case."""


def _head(url: str, *, user_agent: str) -> str:
    """The part of the head that is the same for every request."""
    return (
        f"POST {urlsplit(url).path} HTTP/1.1\r\nHost: {host_of(url)}\r\n"
        f"Accept-Encoding: identity\r\nContent-Type: {JSON}\r\nUser-Agent: {user_agent}\r\n"
        "amz-sdk-request: attempt=1; max=1\r\n"
    )


def _body(request: Mapping[str, Any]) -> bytes:
    """The request as boto3 writes it: the raw message in base64, the rest as it is.

    The base64 is inserted afterwards, so that the JSON encoder does not scan it for characters to escape. The marker
    that is replaced occurs once, since every quote inside a string is escaped.
    """
    raw = b64encode(request["Content"]["Raw"]["Data"])
    written = json.dumps({**request, "Content": {"Raw": {"Data": ""}}}).encode()
    before, opening, after = written.partition(b'{"Data": "')
    return b"".join((before, opening, raw, after))
