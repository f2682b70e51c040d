"""One post to the endpoint of an application: to a checked address, with one answer, in bounded time.

It decides what the post came to. Nothing that the other side does raises an error.
"""

import re
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, LineTooLong
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from app.domain.account.published import DnsSilent
from app.domain.message.unseen import is_unseen
from app.domain.webhooks.addresses import AllowedAddresses
from app.domain.webhooks.endpoint_url import InvalidEndpointUrl, parse_endpoint_url
from app.domain.webhooks.post_result import PostOutcome, PostResult
from app.net.proxy import Proxy, ProxyRefused
from app.net.timed_socket import AnswerTooLarge, Deadline, TimedSocket
from app.net.webhooks.kept_connections import Connection, KeptConnections
from app.net.webhooks.open_connection import AddressRefused, NoSuchHost, OpenConnection, Resolve

PATIENCE_S: Final = 15.0
EXCERPT: Final = 1024

_READ: Final = 16 * 1024  # at a time: http.client would take memory for as much as the answer says it has
_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "Postern"}
_NOT_PLAIN: Final = re.compile(r"[^ -~]")


class Meaning(NamedTuple):
    """What errors of these kinds say of a post. Without a sentence, the text of the error is one."""

    kinds: tuple[type[Exception], ...]
    outcome: PostOutcome
    sentence: str


_MEANINGS: Final = (
    Meaning((InvalidEndpointUrl,), PostOutcome.ADDRESS_REFUSED, ""),
    Meaning((AddressRefused,), PostOutcome.ADDRESS_REFUSED, "the host has an address that may not be called"),
    Meaning((AnswerTooLarge, LineTooLong), PostOutcome.TOO_LARGE, "the head of the answer is too long"),
    Meaning((TimeoutError,), PostOutcome.TIMED_OUT, "no answer came in time"),
    Meaning((ssl.SSLCertVerificationError,), PostOutcome.TLS_FAILED, "the certificate was not accepted"),
    Meaning((ssl.SSLError,), PostOutcome.TLS_FAILED, "the TLS handshake failed"),
    Meaning((DnsSilent,), PostOutcome.UNREACHABLE, "the DNS gave no answer"),
    Meaning((NoSuchHost,), PostOutcome.UNREACHABLE, "the DNS knows no address of the host"),
    Meaning((ProxyRefused,), PostOutcome.UNREACHABLE, ""),
    Meaning((ConnectionRefusedError,), PostOutcome.UNREACHABLE, "the host refused the connection"),
    Meaning((ConnectionError,), PostOutcome.UNREACHABLE, "the connection was closed before an answer"),
    Meaning((HTTPException,), PostOutcome.UNREACHABLE, "what came is no HTTP answer"),
    Meaning((OSError,), PostOutcome.UNREACHABLE, "there is no way to the host"),
)
"""The first whose kinds an error is of counts."""

_FAILURES: Final = tuple(kind for meaning in _MEANINGS for kind in meaning.kinds)


class Answer(NamedTuple):
    """The status of an answer, and the beginning of its body."""

    status: int
    beginning: bytes


class WebhookPoster:
    """Posts to endpoints. Safe to use from many threads.

    `ca_file` names authorities to trust instead of those of this host and of boto3. With a `proxy`, the proxy looks up
    the host and makes the connection; a host that has an address of a forbidden kind here is refused all the same.
    """

    def __init__(
        self,
        *,
        resolve: Resolve,
        allowed: AllowedAddresses,
        proxy: Proxy | None = None,
        ca_file: str | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._open = OpenConnection(resolve=resolve, allowed=allowed, proxy=proxy, ca_file=ca_file)
        self._kept = KeptConnections()
        self._patience_s = patience_s

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> PostResult:
        """Make one post, follow nothing, and return what became of it within `patience_s` seconds.

        The status decides, however much of the body comes: its beginning is for a person to read.
        """
        began = time.monotonic()
        status, beginning = None, b""
        try:
            status, beginning = self._exchange(url, headers, body, Deadline(self._patience_s))
            outcome, detail = _judged(status)
        except _FAILURES as error:
            outcome, detail = _reason(error)
        return PostResult(outcome, status, detail, _readable(beginning), time.monotonic() - began)

    def _exchange(self, url: str, headers: Mapping[str, str], body: bytes, deadline: Deadline) -> Answer:
        parts = urlsplit(parse_endpoint_url(url, allow_http_loopback=True))
        origin = f"{parts.scheme}://{parts.netloc}"
        kept = self._kept.take(origin)
        if kept is not None:
            # It may have ended at this very moment. A second post has the same id, so the receiver knows it again.
            with suppress(ConnectionError, ssl.SSLError):
                return self._ask(kept, parts, headers, body, deadline)
        connection = self._kept.opened(origin, self._open(parts, deadline))
        return self._ask(connection, parts, headers, body, deadline)

    def _ask(
        self, connection: Connection, parts: SplitResult, headers: Mapping[str, str], body: bytes, deadline: Deadline
    ) -> Answer:
        """Write the post and read its answer. The connection is kept if the answer was read to its end."""
        whole = False
        try:
            http = HTTPConnection(parts.hostname or "")
            http.sock = TimedSocket(connection.socket, deadline)
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            http.request("POST", target, body, {**_HEADERS, "Host": parts.netloc, **headers})
            response = http.getresponse()
            beginning, whole = _read(response)
            return Answer(response.status, beginning)
        finally:
            if whole:
                self._kept.rest(connection)
            else:
                connection.socket.close()


def _read(response: HTTPResponse) -> tuple[bytes, bool]:
    """The beginning of the body, and whether all of it came on a connection that goes on."""
    body = bytearray()
    with suppress(OSError, HTTPException, AnswerTooLarge):
        while part := response.read1(_READ):
            body += part
        # After an interim status the answer is still to come, and would be taken for that of the next post.
        return bytes(body[: 4 * EXCERPT]), not response.will_close and response.status >= 200
    return bytes(body[: 4 * EXCERPT]), False


def _judged(status: int) -> tuple[PostOutcome, str]:
    if 200 <= status < 300:
        return PostOutcome.ACCEPTED, f"the endpoint answered {status}"
    if 300 <= status < 400:
        return PostOutcome.REDIRECTED, f"the endpoint answered {status}, and a redirect is not followed"
    return PostOutcome.REFUSED, f"the endpoint answered {status}"


def _reason(error: Exception) -> tuple[PostOutcome, str]:
    """What an error means, by the first kind that it is of."""
    meaning = next(one for one in _MEANINGS if isinstance(error, one.kinds))
    sentence = meaning.sentence or str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        # After a comma OpenSSL quotes the name that it expected.
        sentence += f": {error.verify_message.partition(',')[0]}"
    return meaning.outcome, sentence


def _readable(beginning: bytes) -> str:
    text = beginning.decode("utf-8", "replace")[:EXCERPT]
    return _NOT_PLAIN.sub(lambda found: " " if is_unseen(found[0]) else found[0], text)
