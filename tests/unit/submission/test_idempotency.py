"""Which requests with one idempotency key are the same request: those with the same JSON for the same path."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.submission.idempotency import Idempotency, fingerprint, fingerprint_as_sent

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def reordered(value: Any) -> Any:
    """The same JSON value with the keys of each object in the opposite order."""
    if isinstance(value, dict):
        return {name: reordered(one) for name, one in reversed(value.items())}
    return [reordered(one) for one in value] if isinstance(value, list) else value


@given(VALUES)
def test_spelling_does_not_count(value: Any) -> None:
    """The order of keys, white space and escapes make no other request."""
    again = json.loads(json.dumps(reordered(value), indent=3, ensure_ascii=True))
    assert fingerprint("/v1/emails", again) == fingerprint("/v1/emails", value)


@pytest.mark.parametrize(
    "one, other",
    [
        (1, 1.0),
        (1, True),
        (1, "1"),
        (0, False),
        (None, "null"),
        (["a", "b"], ["b", "a"]),
        ({"a": None}, {}),
        ("a", "A"),
        ("é", "e\u0301"),
    ],
)
def test_another_value_is_another_request(one: Any, other: Any) -> None:
    """Also where a programming language calls the two equal."""
    assert fingerprint("/v1/emails", {"x": one}) != fingerprint("/v1/emails", {"x": other})


def test_another_path_is_another_request() -> None:
    """Wherever the path ends and the body begins."""
    assert fingerprint("/a", "b") != fingerprint("/ab", "")
    assert fingerprint_as_sent("/a", b"b") != fingerprint_as_sent("/ab", b"")
    assert fingerprint("/a", "b") != fingerprint_as_sent("/a", b'"b"')


def test_an_answer_that_was_remembered_by_its_bytes_is_found() -> None:
    """Keys live for hours, so some were stored before bodies were compared as JSON."""
    request = Idempotency("k", fingerprint("/a", "b"), fingerprint_as_sent("/a", b'"b"'))
    assert request.is_of(fingerprint("/a", "b"))
    assert request.is_of(fingerprint_as_sent("/a", b'"b"'))
    assert not request.is_of(fingerprint_as_sent("/a", b' "b"'))
