"""Signatures of botocore are the ones that are computed here, whatever the request is like."""

import datetime as dt
from dataclasses import replace
from hashlib import sha256
from urllib.parse import quote, urlencode

import pytest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from app.domain.apps.sigv4 import canonical_path, canonical_query
from app.domain.apps.sigv4_claims import SignedRequest, read_claim
from tests.support.aws.signing import signed_by_botocore

SECRET = "s" * 43
CREDENTIALS = ReadOnlyCredentials("ptn_abcdefghijkl", SECRET, None)

VALUES = st.text(" \tab,;='\"/%\x7f", max_size=12)
MOMENTS = st.datetimes(min_value=dt.datetime(2020, 1, 1), max_value=dt.datetime(2090, 1, 1))  # noqa: DTZ001
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"])
SEGMENTS = st.sampled_from(["v2", "email", "", ".", "..", "ann%40example.com", "a%2Bb", "~", "%7e", "a b", "(x)", "é"])
PATHS = st.lists(SEGMENTS, max_size=6).map(lambda segments: "/" + "/".join(segments))
PAIRS = st.lists(
    st.tuples(st.text(max_size=6) | st.sampled_from(["a", "a-b", "A", "a="]), st.text(max_size=8)), max_size=6
)
NAMES = st.sampled_from(["X-Amz-User-Agent", "Content-Type", "x-amz-meta", "Amz-Sdk-Request", "Accept"])
"""Names whose values botocore signs; those of its blacklist it does not."""


def is_proven(request: SignedRequest, *, secret: str = SECRET) -> bool:
    """Return whether the signature is that of the request."""
    claim = read_claim(request)
    return claim.is_proven_by(secret, request, claim.payload_of(sha256(request.body).hexdigest()))


def url_of(path: str, pairs: list[tuple[str, str]]) -> str:
    """Return a URL as an SDK makes it, with the rest of its path as it is."""
    ascii_path = path.encode("ascii", "xmlcharrefreplace").decode().replace(" ", "%20").replace("#", "%23")
    return f"https://mail.example.com{ascii_path}" + (
        f"?{urlencode(pairs, quote_via=quote, safe='-_.~')}" if pairs else ""
    )


@given(method=METHODS, path=PATHS, pairs=PAIRS, headers=st.dictionaries(NAMES, VALUES), body=st.binary(max_size=80),
       moment=MOMENTS)  # fmt: skip
def test_what_botocore_signs_in_headers_is_proven(
    method: str, path: str, pairs: list[tuple[str, str]], headers: dict[str, str], body: bytes, moment: dt.datetime
) -> None:
    """Any method, path, query with repeated names and odd characters, white space in headers, and body."""
    request = signed_by_botocore(
        CREDENTIALS, moment, method=method, url=url_of(path, pairs), headers=headers, body=body
    )
    assert is_proven(request)
    assert not is_proven(request, secret="t" * 43)


@given(path=PATHS, pairs=PAIRS, seconds=st.integers(1, 604_800), body=st.binary(max_size=80), moment=MOMENTS)
def test_what_botocore_presigns_is_proven(
    path: str, pairs: list[tuple[str, str]], seconds: int, body: bytes, moment: dt.datetime
) -> None:
    """The parameters of the signature are in the query, among those of the request, which have one value each."""
    once = {name: value for name, value in pairs if name and not name.lower().startswith("x-amz-")}
    request = signed_by_botocore(
        CREDENTIALS, moment, method="GET", url=url_of(path, list(once.items())), presigned_s=seconds
    )
    assert is_proven(request)
    assert read_claim(request).expires_s == seconds
    assert not is_proven(replace(request, body=body + b"x"))


@pytest.mark.parametrize(
    "path, canonical",
    [
        ("/", "/"),
        ("", "/"),
        ("//v2//email/", "/v2/email/"),
        ("/./v2/../v2/email/..", "/v2"),
        ("/..", "/"),
        ("/addresses/a%2Bb%40example.com", "/addresses/a%252Bb%2540example.com"),
        ("/~a b", "/~a%20b"),
    ],
)
def test_a_path_is_made_plain_and_encoded_once_more(path: str, canonical: str) -> None:
    """All services but S3 sign it so."""
    assert canonical_path(path) == canonical


@pytest.mark.parametrize(
    "query, canonical",
    [
        ("", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1&a", "a=&a=1&a=2"),
        ("a-b=1&a=1", "a=1&a-b=1"),
        ("a=b=c&x=%7e%2f/@", "a=b%3Dc&x=~%2F%2F%40"),
        ("a=1&X-Amz-Signature=2", "a=1"),
        ("a=%zz+%e9", "a=%25zz%2B%E9"),
    ],
)
def test_a_query_is_encoded_in_one_way_and_sorted(query: str, canonical: str) -> None:
    """However a client has encoded it on the way; first by names, then by values."""
    assert canonical_query(query, without="X-Amz-Signature") == canonical
