"""Applications in Python as they are, which reach SES by boto3, django-ses or anymail.

What they change for Postern is in the environment of the process: `AWS_ENDPOINT_URL`, and the key. django-ses names
the endpoint itself, so its setting is changed instead: `AWS_SES_REGION_ENDPOINT_URL`.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from unittest import mock

import boto3
from botocore.exceptions import ClientError
from django.conf import settings as django_settings
from django.core.mail import EmailMessage, get_connection
from django.test import override_settings

from tests.support.gateway.client_email import Email
from tests.support.ses.door import REGION, Credentials, Door


class Refused(Exception):
    """What a client raised: its class or the code of SES in it, the sentence, the status, and how often it asked."""

    def __init__(self, code: str, message: str, status: int | None, attempts: int | None) -> None:
        super().__init__(code, message)
        self.code, self.message, self.status, self.attempts = code, message, status, attempts


def by_boto3_sesv2(email: Email) -> str:
    """Version 2: an email in parts, and one with a size as a MIME message."""
    text = {"Subject": {"Data": email.subject}, "Body": {"Text": {"Data": email.text}}}
    content = {"Raw": {"Data": email.as_message.encode()}} if email.size else {"Simple": text}
    client = boto3.client("sesv2")
    answer = client.send_email(FromEmailAddress=email.sender, Destination={"ToAddresses": [email.to]}, Content=content)
    return str(answer["MessageId"])


def by_boto3_ses(email: Email) -> str:
    """Version 1: an email in parts, and one with a size as a MIME message."""
    message = {"Subject": {"Data": email.subject}, "Body": {"Text": {"Data": email.text}}}
    client = boto3.client("ses")
    if email.size:
        return str(client.send_raw_email(RawMessage={"Data": email.as_message.encode()})["MessageId"])
    answer = client.send_email(Source=email.sender, Destination={"ToAddresses": [email.to]}, Message=message)
    return str(answer["MessageId"])


def by_django_ses(email: Email) -> str:
    """django-ses, over version 1, as it is by default; it asks for the quota, and notes the id on the message."""
    message = _by_django("django_ses.SESBackend", email)
    return str(message.extra_headers["message_id"])


def by_anymail(email: Email) -> str:
    """Anymail's backend for SES, over version 2."""
    message = _by_django("anymail.backends.amazon_ses.EmailBackend", email)
    return str(getattr(message, "anymail_status").message_id)  # noqa: B009 - anymail adds it to the message


_HEADERS: Final = {"Message-ID": "<123@example.com>", "Date": "Sat, 28 Feb 2026 12:00:00 +0000"}
"""Of one length, so that a large message can be one that base64 writes without +, / and =."""


def _by_django(backend: str, email: Email) -> EmailMessage:
    message = EmailMessage(email.subject, email.text, email.sender, [email.to], connection=get_connection(backend))
    message.extra_headers |= _HEADERS
    assert message.send() == 1
    return message


PYTHON_CLIENTS: Final[Mapping[str, Callable[[Email], str]]] = {
    "boto3 sesv2": by_boto3_sesv2,
    "boto3 ses": by_boto3_ses,
    "django-ses": by_django_ses,
    "anymail": by_anymail,
}


def send(client: str, key: Credentials, email: Email) -> str:
    """Send with this key. The id that the client got; raises `Refused` with what the client raised."""
    named = {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret_access_key}
    with mock.patch.dict(os.environ, named):
        boto3.setup_default_session()
        try:
            return PYTHON_CLIENTS[client](email)
        except Exception as error:
            raise _refused(error) from error


def _refused(error: Exception) -> Refused:
    """What was raised, also where a client wraps the error of boto3."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, ClientError):
        found = found.__cause__ or found.__context__
    if found is None:
        raise error
    response: Any = found.response
    answered = response["ResponseMetadata"]
    code, message = response["Error"]["Code"], response["Error"]["Message"]
    return Refused(code, message, answered["HTTPStatusCode"], answered.get("RetryAttempts", 0) + 1)


@contextmanager
def environment_of(door: Door) -> Iterator[None]:
    """The environment of an application that sends through this door, but for its key."""
    if not django_settings.configured:
        django_settings.configure(USE_TZ=True)
    changed = {
        "AWS_ENDPOINT_URL": door.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_MAX_ATTEMPTS": "2",
    }
    with mock.patch.dict(os.environ, changed), override_settings(AWS_SES_REGION_ENDPOINT_URL=door.url):
        yield
