"""Which signed requests are let in: each refusal is of its kind, and no form of a wrong signature passes."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from email.utils import format_datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from botocore.credentials import ReadOnlyCredentials
from structlog.testing import capture_logs

from app.domain.apps.callers import Caller, Scope
from app.domain.apps.sigv4_claims import SignedRequest
from app.domain.errors import (
    InvalidApiKey,
    MalformedSignature,
    MissingApiKey,
    PosternError,
    RestrictedApiKey,
    ServiceUnavailable,
    WrongSignature,
)
from app.services.apps.authenticate_sigv4 import AuthenticateSigV4
from app.services.apps.trusted_keys import TrustedKeys
from app.store.apps.apps import App
from app.store.apps.keys import ApiKey
from app.store.submission.sealing import KeyRing, Sealed
from tests.support.aws.signing import signed_by_botocore

NOW = dt.datetime(2026, 3, 31, 12, 0, tzinfo=dt.UTC)
RING = KeyRing(["tests-only-0123456789abcdefghijklmnopqrstuv"])
KEY, PUBLIC, SECRET = UUID(int=7), "abcdefghijkl", "s" * 43
CREDENTIALS = ReadOnlyCredentials(f"ptn_{PUBLIC}", SECRET, None)
SECOND, WEEK_S = dt.timedelta(seconds=1), 604_800
BODY = b'{"Content":{}}'
JSON = {"Content-Type": "application/json"}


class Keys(TrustedKeys):
    """The one key that works, if any."""

    def __init__(self, key: ApiKey | None) -> None:
        self._key = key

    def find(self, public_id: str) -> ApiKey | None:
        """Return the key if this is its public id."""
        return self._key if self._key and self._key.public_id == public_id else None


def key_of(*, sealed: Sealed | None = None, archived_at: dt.datetime | None = None) -> ApiKey:
    """Return a key that opens the SES door."""
    app = App(
        id=UUID(int=1),
        name="invites",
        senders=("*",),
        default_lane="bulk",
        reason_optional=False,
        created_at=NOW,
        archived_at=archived_at,
    )
    return ApiKey(
        id=KEY,
        public_id=PUBLIC,
        secret_sha256=sha256(SECRET.encode()).digest(),
        sealed_secret=sealed or RING.seal(SECRET.encode(), row_id=KEY),
        name="",
        scopes=("emails:send", "ses"),
        created_at=NOW,
        expires_at=None,
        app=app,
    )


def admit(request: SignedRequest, *, key: ApiKey | None = None, now: dt.datetime = NOW, ring: KeyRing = RING) -> Caller:
    """Return the caller of a request that arrives now, where this key works."""
    return AuthenticateSigV4(Keys(key or key_of()), key_ring=ring, clock=lambda: now)(request)


def signed(**how: Any) -> SignedRequest:
    """Return a request that is signed now."""
    return signed_by_botocore(how.pop("credentials", CREDENTIALS), how.pop("moment", NOW), **how)


def of_body(**how: Any) -> SignedRequest:
    """Return a signed request with a body."""
    return signed(headers=JSON | how.pop("headers", {}), body=BODY, **how)


def header(request: SignedRequest, name: str) -> str:
    """Return the value of a header."""
    return next(value for key, value in request.headers if key.lower() == name.lower())


def without(request: SignedRequest, name: str) -> SignedRequest:
    """Return the request without a header."""
    return replace(request, headers=tuple(pair for pair in request.headers if pair[0].lower() != name.lower()))


def but(request: SignedRequest, name: str, value: str) -> SignedRequest:
    """Return the request with another value of a header."""
    return replace(without(request, name), headers=(*without(request, name).headers, (name, value)))


def claiming(old: str, new: str) -> SignedRequest:
    """Return a request whose Authorization says something else than what was signed."""
    request = of_body()
    said = header(request, "Authorization")
    assert old in said
    return but(request, "Authorization", said.replace(old, new))


def asking(old: str, new: str, *, seconds: int = 60) -> SignedRequest:
    """Return a presigned request whose query says something else than what was signed."""
    request = signed(method="GET", presigned_s=seconds)
    assert old in request.query
    return replace(request, query=request.query.replace(old, new))


def test_a_signed_request_is_of_the_application_of_its_key() -> None:
    """In its headers or in its query; the scopes are those of the key."""
    for request in (of_body(), signed(method="GET", presigned_s=60)):
        who = admit(request)
        assert (who.app, who.actor) == ("invites", f"key:{PUBLIC}")
        assert who.scopes == {Scope.EMAILS_SEND, Scope.SES}


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "local"])
def test_any_region_is_taken(region: str) -> None:
    """An application keeps the region that it has."""
    assert admit(of_body(region=region)).app == "invites"


def test_a_date_in_the_header_date_is_taken() -> None:
    """In the form of HTTP; botocore signs it when the request has it."""
    assert admit(of_body(headers={"Date": format_datetime(NOW, usegmt=True)})).app == "invites"


def test_the_hash_of_the_body_may_be_in_a_header() -> None:
    """The SDK for JavaScript sends it, in a signed header."""
    assert admit(of_body(headers={"X-Amz-Content-SHA256": sha256(BODY).hexdigest()})).app == "invites"


def test_a_body_may_be_unsigned_where_a_signed_header_says_so() -> None:
    """Only then: without it, in an unsigned header, or with a presigned URL, the body is what was signed."""
    request = of_body(signs_body=False)
    assert admit(replace(request, body=b"another")).app == "invites"
    for spoilt in (
        without(request, "X-Amz-Content-SHA256"),
        but(of_body(), "X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD"),
        but(signed(method="GET", presigned_s=60), "X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD"),
    ):
        with pytest.raises(PosternError):
            admit(spoilt)


REFUSED: list[tuple[str, Callable[[], SignedRequest], type[PosternError], str]] = [
    ("no signature", lambda: SignedRequest("POST", "/", "", (("Host", "a.example"),), b""), MissingApiKey, "Missing"),
    ("an empty header", lambda: but(of_body(), "Authorization", " "), MissingApiKey, "Missing"),
    ("a bearer", lambda: but(of_body(), "Authorization", f"Bearer ptn_{PUBLIC}"), MalformedSignature, "begins with"),
    ("version 3", lambda: but(of_body(), "Authorization", "AWS3-HTTPS AWSAccessKeyId=x"), MalformedSignature, "begins"),
    ("version 4a", lambda: claiming("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), MalformedSignature, "begins with"),
    ("too long", lambda: claiming("Signature=", f"Signature={'a' * 5000}"), MalformedSignature, "begins with"),
    ("no credential", lambda: claiming("Credential=", "Cred="), MalformedSignature, "requires 'Credential' parameter"),
    ("no names", lambda: claiming("SignedHeaders=", "x="), MalformedSignature, "requires 'SignedHeaders' parameter"),
    ("no hash", lambda: claiming("Signature=", "x="), MalformedSignature, "requires 'Signature' parameter"),
    ("a part twice", lambda: claiming("Signature=", "Signature=x, Signature="), MalformedSignature, "there twice"),
    ("a short hash", lambda: claiming("Signature=", "Signature=a"), MalformedSignature, "64 hexadecimal digits"),
    ("no date", lambda: without(of_body(), "X-Amz-Date"), MalformedSignature, "existence of either a 'X-Amz-Date'"),
    ("an odd date", lambda: but(of_body(), "X-Amz-Date", "now"), MalformedSignature, "ISO-8601 'basic format'"),
    ("a day that is none", lambda: but(of_body(), "X-Amz-Date", "20260231T120000Z"), MalformedSignature, "ISO-8601"),
    ("the first day", lambda: but(of_body(), "X-Amz-Date", "00010101T000000Z"), WrongSignature, "does not match"),
    ("two dates", lambda: replace(of_body(), headers=(*of_body().headers, ("x-amz-date", "20260331T120000Z"))),
     MalformedSignature, "ISO-8601"),
    ("four elements", lambda: claiming("/aws4_request", ""), MalformedSignature, "exactly 5 slash-delimited elements"),
    ("another day", lambda: claiming("/20260331/", "/20260330/"), WrongSignature, "Date in Credential scope"),
    ("another service", lambda: of_body(service="sqs"), WrongSignature, "correct service: 'ses'"),
    ("another end", lambda: claiming("/aws4_request", "/aws5_request"), WrongSignature, "valid terminator"),
    ("odd names", lambda: claiming("SignedHeaders=", "SignedHeaders=Host;"), MalformedSignature, "SignedHeaders has"),
    ("many names", lambda: claiming("SignedHeaders=", f"SignedHeaders={'a;' * 70}"), MalformedSignature, "at most 64"),
    ("host not signed", lambda: claiming(";host;", ";"), WrongSignature, "'Host' or ':authority' must be"),
    ("date not signed", lambda: claiming(";x-amz-date,", ","), WrongSignature, "header with the date must be"),
    ("a lost header", lambda: without(of_body(), "Content-Type"), WrongSignature, "did not arrive"),
    ("another body", lambda: replace(of_body(), body=BODY + b" "), WrongSignature, "we calculated does not match"),
    ("another path", lambda: replace(of_body(), path="/v2/email/identities"), WrongSignature, "we calculated"),
    ("another query", lambda: replace(of_body(), query="a=b"), WrongSignature, "we calculated"),
    ("another method", lambda: replace(of_body(), method="PUT"), WrongSignature, "we calculated"),
    ("another host", lambda: but(of_body(), "Host", "evil.example"), WrongSignature, "we calculated"),
    ("another region", lambda: claiming("/eu-west-1/", "/eu-west-2/"), WrongSignature, "we calculated"),
    ("a body of another hash", lambda: replace(
        of_body(headers={"X-Amz-Content-SHA256": sha256(BODY).hexdigest()}), body=b"another"),
     WrongSignature, "not the SHA-256 of the body"),
    ("signed chunks", lambda: of_body(headers={"X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}),
     MalformedSignature, "sign the SHA-256 of the body"),
    ("a trailer", lambda: of_body(headers={"X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}),
     MalformedSignature, "sign the SHA-256 of the body"),
    ("a session token", lambda: of_body(credentials=CREDENTIALS._replace(token="t" * 99)), InvalidApiKey,
     "Session tokens"),
    ("a session token in the query", lambda: signed(
        method="GET", presigned_s=60, credentials=CREDENTIALS._replace(token="t" * 99)),
     InvalidApiKey, "Session tokens"),
    ("an unknown key", lambda: of_body(credentials=CREDENTIALS._replace(access_key="ptn_zzzzzzzzzzzz")),
     InvalidApiKey, "security token included in the request is invalid"),
    ("a key of AWS", lambda: of_body(credentials=CREDENTIALS._replace(access_key="AKIAIOSFODNN7EXAMPLE")),
     InvalidApiKey, "security token included in the request is invalid"),
    ("another secret", lambda: of_body(credentials=CREDENTIALS._replace(secret_key="t" * 43)),
     WrongSignature, "we calculated does not match"),
    ("both forms", lambda: replace(of_body(), query=signed(method="GET", presigned_s=9).query),
     MalformedSignature, "not in both"),
    ("a long query", lambda: replace(of_body(), query="a" * 20_000), MalformedSignature, "16384 characters"),
    ("a raw path", lambda: replace(of_body(), path="/\xe9"), MalformedSignature, "percent-encoded"),
    ("presigned without a date", lambda: asking("X-Amz-Date", "Date"), MalformedSignature, "include 'X-Amz-Date'"),
    ("presigned by another algorithm", lambda: asking("SHA256", "SHA512"), MalformedSignature, "X-Amz-Algorithm is"),
    ("presigned for no time", lambda: signed(method="GET", presigned_s=0), MalformedSignature, "from 1 to 604800"),
    ("presigned too long", lambda: signed(method="GET", presigned_s=WEEK_S + 1), MalformedSignature, "1 to 604800"),
    ("presigned for longer", lambda: asking("Expires=60", "Expires=61"), WrongSignature, "we calculated"),
    ("presigned twice", lambda: asking("X-Amz-Expires=60", "X-Amz-Expires=60&X-Amz-Expires=61"), MalformedSignature,
     "in the query twice"),
    ("presigned for another body", lambda: replace(signed(method="POST", presigned_s=60), body=BODY), WrongSignature,
     "we calculated"),
]  # fmt: skip


@pytest.mark.parametrize("make, error, words", [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
def test_a_request_is_refused_in_the_words_of_aws(
    make: Callable[[], SignedRequest], error: type[PosternError], words: str
) -> None:
    """SDKs raise by the kind of error; people read the sentence. Neither has a value of the request."""
    with pytest.raises(PosternError) as refused:
        admit(make())
    assert type(refused.value) is error
    assert words in refused.value.detail
    assert SECRET not in refused.value.detail


@pytest.mark.parametrize(
    "presigned_s, late, words",
    [
        (None, 300, None),
        (None, 301, "Signature expired: 20260331T120000Z is now earlier than 20260331T120001Z (20260331T120501Z - 5 "),
        (None, -300, None),
        (None, -301, "Signature not yet current: 20260331T120000Z is still later than 20260331T115959Z"),
        (60, 60, None),
        (60, 61, "Signature expired: 20260331T120000Z is now earlier than 20260331T120001Z (20260331T120101Z - 60 s)"),
        (60, -301, "Signature not yet current"),
        (WEEK_S, WEEK_S, None),
        (WEEK_S, WEEK_S + 1, "Signature expired"),
    ],
)  # fmt: skip
def test_a_signature_is_good_for_its_time(presigned_s: int | None, late: int, words: str | None) -> None:
    """Five minutes before and after, as at AWS; a presigned URL for as long as it says. SDKs mend their clock by it."""
    request = signed(method="GET", presigned_s=presigned_s)
    if words is None:
        assert admit(request, now=NOW + late * SECOND).app == "invites"
        return
    with pytest.raises(PosternError) as refused:
        admit(request, now=NOW + late * SECOND)
    assert type(refused.value) is WrongSignature
    assert words in refused.value.detail


def test_a_key_without_a_sealed_secret_is_unknown_here() -> None:
    """It does not open the SES door; with the secret at hand it still opens others."""
    with pytest.raises(PosternError) as refused:
        admit(of_body(), key=replace(key_of(), sealed_secret=None, scopes=("emails:send",)))
    assert type(refused.value) is InvalidApiKey


def test_an_archived_application_is_refused_with_the_reason() -> None:
    """After the signature was proven."""
    with pytest.raises(RestrictedApiKey, match="archived"):
        admit(of_body(), key=key_of(archived_at=NOW))


@pytest.mark.parametrize("altered", [False, True], ids=["another ring", "altered"])
def test_a_secret_that_does_not_open_is_our_fault(altered: bool) -> None:
    """A process that lacks a key of SECRET_KEYS says 503, never that the secret is wrong. The log names the key."""
    other = KeyRing(["tests-only-another-key-0123456789abcdefghij"])
    sealed = RING.seal(SECRET.encode(), row_id=UUID(int=8) if altered else KEY)
    with capture_logs() as logs, pytest.raises(ServiceUnavailable):
        admit(of_body(), key=key_of(sealed=sealed), ring=RING if altered else other)
    assert [(entry["event"], entry["key"]) for entry in logs] == [("secret_of_key_not_opened", PUBLIC)]
    assert SECRET not in str(logs)
