"""The doors by which the applications of a drill come. Each email says which one it takes (`Email.door`).

A client may hang up once the last octet of its email has left (`Email.hangs_up_after_s`). It cannot know then whether
the email was accepted, and offers it again, as real clients do.

A further door is a class with `offer`, a name in `DoorName`, its share in `tests.chaos.load.emails`, and a line in
`doors_of`. The rest of a drill, clients, journal and oracle, is the same for all of them.
"""

import base64
import json
import re
import smtplib
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.utils import formatdate
from http.client import HTTPConnection
from typing import Any, Protocol
from urllib.parse import urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from tests.chaos.load.emails import DoorName, Email
from tests.chaos.stage.stage import Stage

THREADS = 24
PATIENCE_S, _CONNECTS_WITHIN_S = 10.0, 2.0
PATIENCE = urllib3.Timeout(connect=_CONNECTS_WITHIN_S, read=PATIENCE_S)
_SES_PATH = "/v2/email/outbound-emails"
_HOST = "drill.example.com"
_SUPPRESSED = b"on the suppression list"
_STATUS_OF = {4: 503, 5: 422}
_QUEUED_AS = re.compile(rb"queued as (\S+)")
_ACCEPTED_BEFORE = b"accepted before"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status of HTTP, 0 for none, and the JSON of the answer; `withheld` recipients were refused as suppressed.

    `is_sent`: the whole email has left, whether or not an answer came. `is_known`: the door says that it had accepted
    the email before.
    """

    status: int
    content: Any
    withheld: frozenset[str] = frozenset()
    is_sent: bool = True
    is_known: bool = False


class Door(Protocol):
    """A way to offer an email: the same email again is the same submission, however often it is offered."""

    def offer(self, email: Email) -> Answer:
        """Offer it once. A 2xx has the `id` of the email, 409, 429 and 5xx ask for another try."""


class _Http:
    """A client of HTTP for many threads."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(maxsize=THREADS, retries=False, timeout=PATIENCE)

    def request(
        self, method: str, url: str, body: str | None, headers: Mapping[str, str], hangs_up_after_s: float | None = None
    ) -> Answer:
        """Make one request, and wait for its answer unless the client hangs up before."""
        if hangs_up_after_s is not None:
            return self._hang_up(method, url, body, headers, hangs_up_after_s)
        try:
            answer = self._pool.request(method, url, body=body, headers=headers)
            content = answer.json() if answer.data else None
        except (NewConnectionError, ConnectTimeoutError):
            return Answer(0, None, is_sent=False)
        except (HTTPError, ValueError):
            return Answer(0, None)
        return Answer(answer.status, content, is_known=answer.headers.get("Idempotency-Replayed") == "true")

    def _hang_up(self, method: str, url: str, body: str | None, headers: Mapping[str, str], after_s: float) -> Answer:
        place = urlsplit(url)
        with closing(HTTPConnection(place.netloc, timeout=_CONNECTS_WITHIN_S)) as connection:
            try:
                connection.request(method, place.path, body, dict(headers))
            except OSError:
                return Answer(0, None, is_sent=False)
            time.sleep(after_s)
        return Answer(0, None)


class Api:
    """The gateway's API with one key."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._http = _Http()

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """Make one request."""
        data = None if body is None else json.dumps(body)
        return self._http.request(method, self._url + path, data, self._headers)

    def offer(self, email: Email) -> Answer:
        """See `Door.offer`."""
        headers = {**self._headers, "Idempotency-Key": email.key}
        data, after_s = json.dumps(email.body), email.hangs_up_after_s
        return self._http.request("POST", f"{self._url}/v1/emails", data, headers, after_s)


class SesDoor:
    """SES's `SendEmail` with the raw form, as an SDK calls it: signed, and with an id that a repetition has again."""

    def __init__(self, url: str, *, access_key_id: str, secret: str) -> None:
        self._url = url + _SES_PATH
        self._signer = SigV4Auth(Credentials(access_key_id, secret), "ses", "us-east-1")
        self._http = _Http()

    def offer(self, email: Email) -> Answer:
        """See `Door.offer`."""
        named = {f"{kind.capitalize()}Addresses": email.body.get(kind, []) for kind in ("to", "cc", "bcc")}
        data = base64.b64encode(raw_message(email.body)).decode()
        body = json.dumps({"Destination": named, "Content": {"Raw": {"Data": data}}})
        headers = {"Content-Type": "application/json", "amz-sdk-invocation-id": email.key}
        request = AWSRequest(method="POST", url=self._url, data=body, headers=headers)
        self._signer.add_auth(request)
        signed = dict(request.headers.items())
        answer = self._http.request("POST", self._url, body, signed, email.hangs_up_after_s)
        return replace(answer, content={"id": answer.content["MessageId"]}) if answer.status == 200 else answer


class SmtpDoor:
    """The SMTP door as a client uses it that keeps what it could not submit: each offer is one connection.

    A repetition has the same Message-ID. A 550 at RCPT is final for its recipient if it names the suppression list, and
    the others get the email; a 4yz puts off all of them, so that an email stays one submission.
    """

    def __init__(self, port: int, *, user: str, password: str) -> None:
        self._port = port
        self._user = user
        self._password = password

    def offer(self, email: Email) -> Answer:
        """See `Door.offer`. What was withheld before the connection broke is in the answer too."""
        progress = _Progress()
        try:
            with closing(smtplib.SMTP("127.0.0.1", self._port, _HOST, timeout=PATIENCE_S)) as client:
                client.login(self._user, self._password)
                code, text = _submit(client, email, progress)
        except smtplib.SMTPResponseException as error:
            code, text = error.smtp_code, str(error).encode()
        except OSError:
            code, text = 0, b""
        withheld, is_sent = frozenset(progress.withheld), progress.is_sent
        if queued := _QUEUED_AS.search(text):
            known = _ACCEPTED_BEFORE in text
            return Answer(200, {"id": queued[1].decode()}, withheld, is_sent=is_sent, is_known=known)
        status = _STATUS_OF.get(code // 100, 0)
        return Answer(status, text.decode("ascii", "replace"), withheld, is_sent=is_sent)


@dataclass(slots=True)
class _Progress:
    """What became of an offer by SMTP until its end, or until its connection broke."""

    withheld: set[str] = field(default_factory=set)
    is_sent: bool = False


def _submit(client: smtplib.SMTP, email: Email, progress: _Progress) -> tuple[int, bytes]:
    """The reply that decides on the email, code 0 if the client hangs up before."""
    code, text = client.mail(email.body["from"])
    if code != 250:
        return code, text
    for address in email.recipients:
        code, text = client.rcpt(address)
        if code == 550 and _SUPPRESSED in text:
            progress.withheld.add(address)
        elif code != 250:
            return code, text
    if progress.withheld.issuperset(email.recipients):
        return code, text
    code, text = client.docmd("DATA")
    if code != 354:
        return code, text
    # Each time it comes by another relay, whose trace is on top.
    trace = f"Received: by relay.example.com id {time.monotonic_ns()}; {formatdate()}\n".encode()
    message = trace + raw_message(email.body, message_id=f"<{email.key}@{_HOST}>")
    client.send(message.replace(b"\n", b"\r\n") + b".\r\n")
    progress.is_sent = True
    if email.hangs_up_after_s is None:
        return client.getreply()
    time.sleep(email.hangs_up_after_s)
    return 0, b""


def doors_of(stage: Stage) -> Mapping[DoorName, Door]:
    """Every door of the gateway on this stage, opened with the keys of one application."""
    ses, smtp = stage.keys.ses, stage.keys.smtp
    return {
        DoorName.API: Api(stage.url, stage.keys.api.token),
        DoorName.SES_RAW: SesDoor(stage.url, access_key_id=ses.access_key_id, secret=ses.secret),
        DoorName.SMTP: SmtpDoor(stage.smtp_port, user=smtp.access_key_id, password=smtp.secret),
    }


def raw_message(body: Mapping[str, Any], *, message_id: str | None = None) -> bytes:
    """The email as a client writes it, the same octets each time: with LF, and without Date."""
    message = EmailMessage()
    for name in ("From", "To", "Cc", "Subject"):
        if given := body.get(name.lower()):
            message[name] = given if isinstance(given, str) else ", ".join(given)
    if message_id is not None:
        message["Message-ID"] = message_id
    if "lane" in body:
        message["X-Postern-Lane"] = body["lane"]
    message.set_content(body["text"])
    if "html" in body:
        message.add_alternative(body["html"], subtype="html")
        message.set_boundary("=_drill")
    return message.as_bytes()
