"""The doors by which the applications of a drill come. Each email says which one it takes (`Email.door`).

A further door is a class with `offer`, a name in `DoorName`, its share in `tests.chaos.load.emails`, and a line in
`doors_of`. The rest of a drill, clients, journal and oracle, is the same for all of them.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Protocol

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from urllib3.exceptions import HTTPError

from tests.chaos.load.emails import DoorName, Email

THREADS = 24
PATIENCE = urllib3.Timeout(connect=2, read=10)
_SES_PATH = "/v2/email/outbound-emails"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, 0 for none, and the JSON of the answer."""

    status: int
    content: Any


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


def doors_of(url: str, *, api_key: str, access_key_id: str, secret: str) -> Mapping[DoorName, Door]:
    """Every door of the gateway at `url`, opened with the keys of one application."""
    return {
        DoorName.API: Api(url, api_key),
        DoorName.SES_RAW: SesDoor(url, access_key_id=access_key_id, secret=secret),
    }


def raw_message(body: Mapping[str, Any]) -> bytes:
    """The email as a client writes it, the same octets each time: with LF, and without Date and Message-ID."""
    message = EmailMessage()
    for name in ("From", "To", "Cc", "Subject"):
        if given := body.get(name.lower()):
            message[name] = given if isinstance(given, str) else ", ".join(given)
    if "lane" in body:
        message["X-Postern-Lane"] = body["lane"]
    message.set_content(body["text"])
    if "html" in body:
        message.add_alternative(body["html"], subtype="html")
        message.set_boundary("=_drill")
    return message.as_bytes()
