"""The doors by which the applications of a drill come. Each email says which one it takes (`Email.door`).

A further door is a class with `offer`, a name in `DoorName`, its share in `tests.chaos.load.emails`, and a line in
`doors_of`. The rest of a drill, clients, journal and oracle, is the same for all of them.
"""

import base64
import json
import re
import smtplib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Protocol

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from urllib3.exceptions import HTTPError

from tests.chaos.load.emails import DoorName, Email
from tests.chaos.stage.stage import Stage

THREADS = 24
PATIENCE = urllib3.Timeout(connect=2, read=10)
_SES_PATH = "/v2/email/outbound-emails"
_SMTP_PATIENCE_S = 10.0
_HOST = "drill.example.com"
_SUPPRESSED = b"on the suppression list"
_STATUS_OF = {4: 503, 5: 422}
_QUEUED_AS = re.compile(rb"queued as (\S+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status of HTTP, 0 for none, and the JSON of the answer; `withheld` recipients were refused as suppressed."""

    status: int
    content: Any
    withheld: frozenset[str] = frozenset()


class Door(Protocol):
    """A way to offer an email: the same email again is the same submission, however often it is offered."""

    def offer(self, email: Email) -> Answer:
        """Offer it once. A 2xx has the `id` of the email, 409, 429 and 5xx ask for another try."""


class Api:
    """The gateway's API with one key."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._pool = urllib3.PoolManager(maxsize=THREADS, retries=False, timeout=PATIENCE)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Make one request."""
        further = {
            "Content-Type": "application/json",
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        try:
            answer = self._pool.request(method, self._url + path, json=body, headers=self._headers | further)
            return Answer(answer.status, answer.json() if answer.data else None)
        except (HTTPError, ValueError):
            return Answer(0, None)

    def offer(self, email: Email) -> Answer:
        """See `Door.offer`."""
        return self.call("POST", "/v1/emails", email.body, Idempotency_Key=email.key)


class SesDoor:
    """SES's `SendEmail` with the raw form, as an SDK calls it: signed, and with an id that a repetition has again."""

    def __init__(self, url: str, *, access_key_id: str, secret: str) -> None:
        self._url = url + _SES_PATH
        self._signer = SigV4Auth(Credentials(access_key_id, secret), "ses", "us-east-1")
        self._pool = urllib3.PoolManager(maxsize=THREADS, retries=False, timeout=PATIENCE)

    def offer(self, email: Email) -> Answer:
        """See `Door.offer`."""
        named = {f"{kind.capitalize()}Addresses": email.body.get(kind, []) for kind in ("to", "cc", "bcc")}
        data = base64.b64encode(raw_message(email.body)).decode()
        body = json.dumps({"Destination": named, "Content": {"Raw": {"Data": data}}})
        headers = {"Content-Type": "application/json", "amz-sdk-invocation-id": email.key}
        request = AWSRequest(method="POST", url=self._url, data=body, headers=headers)
        self._signer.add_auth(request)
        try:
            answer = self._pool.request("POST", self._url, body=body, headers=dict(request.headers.items()))
            content = answer.json()
        except (HTTPError, ValueError):
            return Answer(0, None)
        return Answer(answer.status, {"id": content["MessageId"]} if answer.status == 200 else content)


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
        withheld: set[str] = set()
        try:
            with closing(smtplib.SMTP("127.0.0.1", self._port, _HOST, timeout=_SMTP_PATIENCE_S)) as client:
                client.login(self._user, self._password)
                code, text = _submit(client, email, withheld)
        except smtplib.SMTPResponseException as error:
            code, text = error.smtp_code, str(error).encode()
        except OSError:
            code, text = 0, b""
        if queued := _QUEUED_AS.search(text):
            return Answer(200, {"id": queued[1].decode()}, frozenset(withheld))
        return Answer(_STATUS_OF.get(code // 100, 0), text.decode("ascii", "replace"), frozenset(withheld))


def _submit(client: smtplib.SMTP, email: Email, withheld: set[str]) -> tuple[int, bytes]:
    """The reply that decides on the email; recipients who are refused as suppressed are added to `withheld`."""
    code, text = client.mail(email.body["from"])
    if code != 250:
        return code, text
    for address in email.recipients:
        code, text = client.rcpt(address)
        if code == 550 and _SUPPRESSED in text:
            withheld.add(address)
        elif code != 250:
            return code, text
    if withheld.issuperset(email.recipients):
        return code, text
    raw = raw_message(email.body, message_id=f"<{email.key}@{_HOST}>")
    return client.data(raw.replace(b"\n", b"\r\n"))


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
