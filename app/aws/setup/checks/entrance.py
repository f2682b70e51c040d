"""The way from SNS to this gateway, tried from here: why a subscription is not confirmed.

The request is one that no gateway takes: a notification of the topic whose certificate is at no host of AWS. A gateway
that listens to the topic refuses it for that, and another says that the topic is not its own.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from app.domain.account.setup.blueprint import FEEDBACK_PATH
from app.domain.feedback.rejections import REJECTIONS, Reason

_PATIENCE: Final = urllib3.Timeout(connect=3, read=10)
_LONGEST_ANSWER: Final = 65_536
_FROM_AWS: Final = "AWS reaches it from outside: check DNS, firewall and proxy, and that the web runs"
_ASK_AGAIN: Final = "subscribe anew while the gateway runs: SNS sends the confirmation again"


@dataclass(frozen=True, slots=True)
class Why:
    """What is in the way, in a few words, and what to do."""

    found: str
    fix: str


def why_unconfirmed(public_url: str, topic_arn: str, *, now: datetime) -> Why:
    """Why SNS's confirmation may not have been answered."""
    base = public_url.rstrip("/")
    with _pool() as pool:
        return _unreachable(pool, f"{base}/healthz") or _refused(pool, base + FEEDBACK_PATH, _unusable(topic_arn, now))


def _unreachable(pool: urllib3.PoolManager, url: str) -> Why | None:
    try:
        status = pool.request("GET", url, preload_content=False).status
    except HTTPError as error:
        if isinstance(error, SSLError) or isinstance(getattr(error, "reason", None), SSLError):
            return Why(f"TLS fails at {url}", "SNS needs a certificate of a public authority, with its whole chain")
        return Why(f"{url} does not answer", f"make PUBLIC_URL reachable; {_FROM_AWS}")
    if status != 200:
        return Why(f"{url} answers {status}", "let PUBLIC_URL lead to this gateway, without a redirect or a login")
    return None


def _refused(pool: urllib3.PoolManager, url: str, notification: bytes) -> Why:
    try:
        headers = {"Content-Type": "text/plain"}
        answer = pool.request("POST", url, body=notification, headers=headers, preload_content=False)
        detail = _detail(answer.read(_LONGEST_ANSWER))
    except HTTPError as error:
        return Why(f"{url} does not answer ({type(error).__name__})", f"let POST through; {_FROM_AWS}")
    if detail is None:
        return Why(f"{url} answers {answer.status}, not as Postern does", "let the proxy pass POST /feedback/sns on")
    if _says(detail, Reason.FOREIGN_TOPIC, Reason.TOPIC_NOT_LISTED, Reason.NO_TOPIC):
        return Why("the gateway there does not list this topic", "set SNS_TOPIC_ARNS for the web and restart it")
    if _says(detail, Reason.CERTIFICATE_ELSEWHERE):
        return Why("the gateway answers and lists this topic", _ASK_AGAIN)
    return Why(f"the gateway refuses: {detail}", _ASK_AGAIN)


def _says(detail: str, *reasons: Reason) -> bool:
    return detail in {REJECTIONS[reason].says for reason in reasons}


def _detail(body: bytes) -> str | None:
    """The sentence of a problem of ours; None when this is no answer of a gateway."""
    try:
        problem = json.loads(body)
    except ValueError:
        return None
    detail = problem.get("detail") if isinstance(problem, dict) else None
    return detail if isinstance(detail, str) and str(problem.get("type", "")).startswith("urn:postern:") else None


def _unusable(topic_arn: str, now: datetime) -> bytes:
    """A notification in SNS's form that no gateway can accept. It names no topic in its headers, so none is blamed."""
    envelope = {
        "Type": "Notification",
        "MessageId": str(uuid4()),
        "TopicArn": topic_arn,
        "Message": "Postern asks itself whether it can be reached.",
        "Timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.000Z",
        "SignatureVersion": "2",
        "Signature": "c2lnbmF0dXJl",
        "SigningCertURL": "https://doctor.invalid/SimpleNotificationService.pem",
    }
    return json.dumps(envelope).encode()


@contextmanager
def _pool() -> Iterator[urllib3.PoolManager]:
    """Connections that follow no redirect, since SNS follows none."""
    with urllib3.PoolManager(retries=False, timeout=_PATIENCE) as pool:
        yield pool
