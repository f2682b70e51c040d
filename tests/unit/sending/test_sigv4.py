"""The fast transport and botocore give the same signature for any request."""

import datetime as dt

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from app.aws.ses.sigv4 import Signer

WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=40)
URLS = [
    "https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails",
    "https://email.eu-west-1.amazonaws.com:443/v2/email/outbound-emails",
    "http://localhost:8080/proxy/a b~c/v2/email/outbound-emails",
    "http://[::1]:80/v2/email/outbound-emails",
]


@given(
    body=st.binary(max_size=200),
    url=st.sampled_from(URLS),
    secret=WORDS,
    token=st.none() | WORDS,
    moment=st.datetimes(min_value=dt.datetime(2020, 1, 1), max_value=dt.datetime(2090, 1, 1)),  # noqa: DTZ001
)
def test_the_signature_is_that_of_botocore(
    body: bytes, url: str, secret: str, token: str | None, moment: dt.datetime
) -> None:
    """For any body, time and credentials, the Authorization header is the same as botocore's."""
    moment = moment.replace(tzinfo=dt.UTC)
    credentials = ReadOnlyCredentials("AKIDEXAMPLE", secret, token)
    request = AWSRequest("POST", url, headers={"Content-Type": "application/json"}, data=body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
        SigV4Auth(credentials, "ses", "eu-west-1").add_auth(request)
    signed = Signer(url, region="eu-west-1", service="ses", clock=lambda: moment)(body, credentials)
    assert signed.authorization == request.headers["Authorization"]
    assert signed.date == request.headers["X-Amz-Date"]
