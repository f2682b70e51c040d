"""Requests signed by botocore, as they arrive at a server."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from app.domain.apps.sigv4_claims import SignedRequest

URL = "https://mail.example.com/v2/email/outbound-emails"


def signed_by_botocore(
    credentials: ReadOnlyCredentials,
    moment: datetime,
    *,
    method: str = "POST",
    url: str = URL,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    service: str = "ses",
    region: str = "eu-west-1",
    presigned_s: int | None = None,
    signs_body: bool = True,
) -> SignedRequest:
    """Return this request with a signature of this moment, in its headers or, `presigned_s` long, in its query.

    botocore moves a body into the query of a presigned URL: give none.
    """
    request = AWSRequest(method, url, headers=dict(headers or {}), data=body)
    request.context["payload_signing_enabled"] = signs_body
    auth = SigV4Auth(credentials, service, region)
    if presigned_s is not None:
        auth = SigV4QueryAuth(credentials, service, region, expires=presigned_s)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
        auth.add_auth(request)
    parts = urlsplit(str(request.url))
    arrived = [("Host", parts.netloc), *((name, str(value)) for name, value in request.headers.items())]
    return SignedRequest(method, parts.path or "/", parts.query, tuple(arrived), body if presigned_s is None else b"")
