"""Which signed requests are let in: each refusal has AWS's code, and no form of a wrong signature passes."""

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
from app.domain.apps.sigv4_claims import Refusal, SignatureRefused, SignedRequest, read_claim
from app.domain.errors import RestrictedApiKey, ServiceUnavailable
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

    def find(self, access_key_id: str) -> ApiKey | None:
        """Return the key if this is its id at the doors."""
        return self._key if self._key and self._key.access_key_id == access_key_id else None


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


def of_length(length: int) -> SignedRequest:
    """Return a request whose Authorization has this length."""
    request = of_body()
    return but(request, "Authorization", header(request, "Authorization").ljust(length, "a"))


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


@pytest.mark.parametrize("clock", ["12:00:00 GMT", "12:00:00 -0000", "14:00:00 +0200"])
def test_the_header_date_may_have_any_zone(clock: str) -> None:
    """What is signed is the moment in UTC."""
    request = but(of_body(headers={"Date": format_datetime(NOW, usegmt=True)}), "Date", f"Tue, 31 Mar 2026 {clock}")
    assert read_claim(request).signed_at == NOW


def test_the_hash_of_the_body_may_be_in_a_header() -> None:
    """The SDK for JavaScript sends it, in a signed header."""
    assert admit(of_body(headers={"X-Amz-Content-SHA256": sha256(BODY).hexdigest()})).app == "invites"


def test_a_body_may_be_unsigned_where_a_signed_header_says_so() -> None:
    """A header that is not signed does not count, and neither does one of a presigned URL, which lasts for days."""
    says = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    assert admit(replace(of_body(signs_body=False), body=b"another")).app == "invites"
    for spoilt in (
        but(of_body(), *next(iter(says.items()))),
        signed(method="GET", presigned_s=60, headers=says),
    ):
        with pytest.raises(SignatureRefused, match="in a signed header only, and not with a presigned URL"):
            admit(spoilt)


REFUSED: list[tuple[str, Callable[[], SignedRequest], Refusal, str]] = [
    ("no signature", lambda: SignedRequest("POST", "/", "", (("Host", "a.example"),), b""), Refusal.MISSING, "Missing"),
    ("an empty header", lambda: but(of_body(), "Authorization", " "), Refusal.MISSING, "Missing"),
    ("a bearer", lambda: but(of_body(), "Authorization", f"Bearer ptn_{PUBLIC}"), Refusal.INCOMPLETE, "begins with"),
    ("version 3", lambda: but(of_body(), "Authorization", "AWS3-HTTPS AWSAccessKeyId=x"), Refusal.INCOMPLETE, "begins"),
    ("version 4a", lambda: claiming("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), Refusal.INCOMPLETE, "begins with"),
    ("the longest", lambda: of_length(4096), Refusal.INCOMPLETE, "64 hexadecimal digits"),
    ("too long", lambda: of_length(4097), Refusal.INCOMPLETE, "4096 characters at most"),
    ("no credential", lambda: claiming("Credential=", "Cred="), Refusal.INCOMPLETE, "requires 'Credential' parameter"),
    ("no names", lambda: claiming("SignedHeaders=", "x="), Refusal.INCOMPLETE, "requires 'SignedHeaders' parameter"),
    ("no hash", lambda: claiming("Signature=", "x="), Refusal.INCOMPLETE, "requires 'Signature' parameter"),
    ("a part twice", lambda: claiming("Signature=", "Signature=x, Signature="), Refusal.INCOMPLETE, "there twice"),
    ("a short hash", lambda: claiming("Signature=", "Signature=a"), Refusal.INCOMPLETE, "64 hexadecimal digits"),
    ("no date", lambda: without(of_body(), "X-Amz-Date"), Refusal.INCOMPLETE, "existence of either a 'X-Amz-Date'"),
    ("an odd date", lambda: but(of_body(), "X-Amz-Date", "now"), Refusal.INCOMPLETE, "ISO-8601 'basic format'"),
    ("a day that is none", lambda: but(of_body(), "X-Amz-Date", "20260231T120000Z"), Refusal.INCOMPLETE, "ISO-8601"),
    ("the first day", lambda: but(of_body(), "X-Amz-Date", "00010101T000000Z"), Refusal.MISMATCH, "does not match"),
    ("two dates", lambda: replace(of_body(), headers=(*of_body().headers, ("x-amz-date", "20260331T120000Z"))),
     Refusal.INCOMPLETE, "ISO-8601"),
    ("four elements", lambda: claiming("/aws4_request", ""), Refusal.INCOMPLETE, "exactly 5 slash-delimited elements"),
    ("another day", lambda: claiming("/20260331/", "/20260330/"), Refusal.MISMATCH, "Date in Credential scope"),
    ("another service", lambda: of_body(service="sqs"), Refusal.MISMATCH, "correct service: 'ses'"),
    ("another end", lambda: claiming("/aws4_request", "/aws5_request"), Refusal.MISMATCH, "valid terminator"),
    ("odd names", lambda: claiming("SignedHeaders=", "SignedHeaders=Host;"), Refusal.INCOMPLETE, "SignedHeaders has"),
    ("most names", lambda: claiming("Headers=", f"Headers={'host;' * 61}"), Refusal.MISMATCH, "we calculated"),
    ("many names", lambda: claiming("Headers=", f"Headers={'host;' * 62}"), Refusal.INCOMPLETE, "at most 64"),
    ("host not signed", lambda: claiming(";host;", ";"), Refusal.MISMATCH, "'Host' or ':authority' must be"),
    ("date not signed", lambda: claiming(";x-amz-date,", ","), Refusal.MISMATCH, "header with the date must be"),
    ("a lost header", lambda: without(of_body(), "Content-Type"), Refusal.MISMATCH, "did not arrive"),
    ("another body", lambda: replace(of_body(), body=BODY + b" "), Refusal.MISMATCH, "we calculated does not match"),
    ("another path", lambda: replace(of_body(), path="/v2/email/identities"), Refusal.MISMATCH, "we calculated"),
    ("another query", lambda: replace(of_body(), query="a=b"), Refusal.MISMATCH, "we calculated"),
    ("another method", lambda: replace(of_body(), method="PUT"), Refusal.MISMATCH, "we calculated"),
    ("another host", lambda: but(of_body(), "Host", "evil.example"), Refusal.MISMATCH, "we calculated"),
    ("another region", lambda: claiming("/eu-west-1/", "/eu-west-2/"), Refusal.MISMATCH, "we calculated"),
    ("a body of another hash", lambda: replace(
        of_body(headers={"X-Amz-Content-SHA256": sha256(BODY).hexdigest()}), body=b"another"),
     Refusal.MISMATCH, "not the SHA-256 of the body"),
    ("signed chunks", lambda: of_body(headers={"X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}),
     Refusal.INCOMPLETE, "sign the SHA-256 of the body"),
    ("a trailer", lambda: of_body(headers={"X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}),
     Refusal.INCOMPLETE, "sign the SHA-256 of the body"),
    ("a session token", lambda: of_body(credentials=CREDENTIALS._replace(token="t" * 99)), Refusal.UNKNOWN_KEY,
     "Session tokens"),
    ("a session token in the query", lambda: signed(
        method="GET", presigned_s=60, credentials=CREDENTIALS._replace(token="t" * 99)),
     Refusal.UNKNOWN_KEY, "Session tokens"),
    ("an unknown key", lambda: of_body(credentials=CREDENTIALS._replace(access_key="ptn_zzzzzzzzzzzz")),
     Refusal.UNKNOWN_KEY, "security token included in the request is invalid"),
    ("a key of AWS", lambda: of_body(credentials=CREDENTIALS._replace(access_key="AKIAIOSFODNN7EXAMPLE")),
     Refusal.UNKNOWN_KEY, "security token included in the request is invalid"),
    ("another secret", lambda: of_body(credentials=CREDENTIALS._replace(secret_key="t" * 43)),
     Refusal.MISMATCH, "we calculated does not match"),
    ("both forms", lambda: replace(of_body(), query=signed(method="GET", presigned_s=9).query),
     Refusal.INCOMPLETE, "not in both"),
    ("the longest query", lambda: replace(of_body(), path="/", query="a" * 16_383), Refusal.MISMATCH, "we calculated"),
    ("a long query", lambda: replace(of_body(), path="/", query="a" * 16_384), Refusal.INCOMPLETE, "16384 characters"),
    ("a raw path", lambda: replace(of_body(), path="/\xe9"), Refusal.INCOMPLETE, "percent-encoded"),
    ("presigned without a date", lambda: asking("X-Amz-Date", "Date"), Refusal.INCOMPLETE, "include 'X-Amz-Date'"),
    ("presigned by another algorithm", lambda: asking("SHA256", "SHA512"), Refusal.INCOMPLETE, "X-Amz-Algorithm is"),
    ("presigned for no time", lambda: signed(method="GET", presigned_s=0), Refusal.INCOMPLETE, "from 1 to 604800"),
    ("presigned too long", lambda: signed(method="GET", presigned_s=WEEK_S + 1), Refusal.INCOMPLETE, "1 to 604800"),
    ("presigned for longer", lambda: asking("Expires=60", "Expires=61"), Refusal.MISMATCH, "we calculated"),
    ("presigned twice", lambda: asking("X-Amz-Expires=60", "X-Amz-Expires=60&X-Amz-Expires=61"), Refusal.INCOMPLETE,
     "in the query twice"),
    ("presigned for another body", lambda: replace(signed(method="POST", presigned_s=60), body=BODY), Refusal.MISMATCH,
     "we calculated"),
]  # fmt: skip


@pytest.mark.parametrize("make, code, words", [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
def test_a_request_is_refused_with_the_code_of_aws(
    make: Callable[[], SignedRequest], code: Refusal, words: str
) -> None:
    """SDKs raise by the code; people read the sentence. Neither has a value of the request."""
    with pytest.raises(SignatureRefused) as refused:
        admit(make())
    assert refused.value.code is code
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
    ids=["5 minutes", "late", "-5 minutes", "early", "a minute", "past it", "an early url", "a week", "past a week"],
)  # fmt: skip
def test_a_signature_is_good_for_its_time(presigned_s: int | None, late: int, words: str | None) -> None:
    """Five minutes before and after, as at AWS; a presigned URL for as long as it says. SDKs mend their clock by it."""
    request = signed(method="GET", presigned_s=presigned_s)
    if words is None:
        assert admit(request, now=NOW + late * SECOND).app == "invites"
        return
    with pytest.raises(SignatureRefused) as refused:
        admit(request, now=NOW + late * SECOND)
    assert refused.value.code is Refusal.MISMATCH
    assert words in refused.value.detail


def test_a_key_without_a_sealed_secret_is_unknown_here() -> None:
    """It does not open the SES door; with the secret at hand it still opens others."""
    with pytest.raises(SignatureRefused) as refused:
        admit(of_body(), key=replace(key_of(), sealed_secret=None, scopes=("emails:send",)))
    assert refused.value.code is Refusal.UNKNOWN_KEY


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
