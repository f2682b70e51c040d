"""The JSON that the API reads, and the JSON that it refuses before it checks the meaning."""

import json
import tracemalloc
from base64 import b64decode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import MalformedRequest, PayloadTooLarge
from app.web.http.json_structure import MAX_STRUCTURE, MAX_TEXT
from app.web.http.strict_json import MAX_DEPTH, MAX_INTEGER, load

SECRET = "ann@example.com"

MALFORMED = {
    "nothing": b"",
    "only spaces": b"  ",
    "a word": b"hello",
    "cut off": b'{"a": ',
    "trailing comma": b'{"a": 1,}',
    "two values": b"{} {}",
    "single quotes": b"{'a': 1}",
    "comment": b'{"a": 1 /* one */}',
    "bare key": b"{a: 1}",
    "leading zero": b"[01]",
    "raw line break in a string": b'["a\nb"]',
    "raw NUL in a string": b'["a\x00b"]',
    "byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a": 1}'.encode("utf-16-le"),
    "Latin-1": '["é"]'.encode("latin-1"),
    "overlong UTF-8": b'["\xc0\x80"]',
    "surrogate in UTF-8": b'["\xed\xa0\x80"]',
    "escaped NUL": rb'["\u0000"]',
    "escaped NUL in a key": rb'{"\u0000": 1}',
    "escaped NUL deep down": rb'{"a": [{"b": ["x\u0000"]}]}',
    "lone high surrogate": rb'["\ud83d"]',
    "lone low surrogate": rb'["\uDE00"]',
    "surrogates in the wrong order": rb'["\ude00\ud83d"]',
    "NaN": b"[NaN]",
    "Infinity": b'{"a": Infinity}',
    "minus Infinity": b"[-Infinity]",
    "number beyond a double": b"[1e999]",
    "integer beyond 2^53": b"[9007199254740993]",
    "integer below -2^53": b'{"a": -9007199254740993}',
    "integer of 5000 digits": b"[" + b"9" * 5000 + b"]",
    "same key twice": b'{"a": 1, "a": 2}',
    "same key twice, one escaped": rb'{"a": 1, "\u0061": 2}',
    "same key twice deep down": b'[{"b": {"a": 1, "a": 1}}]',
    "nested 17 deep": b"[" * 17 + b"]" * 17,
    "nested 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "objects nested 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "too many keys": json.dumps({str(number): 1 for number in range(MAX_STRUCTURE)}).encode(),
    "too many lists": b"[" + b"[]," * MAX_STRUCTURE + b"[]]",
    "a million objects": b"[" + b"{}," * 1_000_000 + b"{}]",
}

WELL_FORMED = {
    "object": (b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
    "text": (b'"x"', "x"),
    "spaces around": (b' \r\n\t{"a": 1}\n', {"a": 1}),
    "emoji as a pair of escapes": (rb'["\ud83d\ude00"]', ["\U0001f600"]),
    "emoji in UTF-8": ('["\U0001f600"]'.encode(), ["\U0001f600"]),
    "a backslash before u0000": (rb'["\\u0000"]', ["\\u0000"]),
    "a backslash before ud83d": (rb'["\\ud83d"]', ["\\ud83d"]),
    "control characters but NUL": (rb'["\u0001\u001f\u007f"]', ["\x01\x1f\x7f"]),
    "largest integer": (b"[9007199254740992]", [MAX_INTEGER]),
    "nested 16 deep": (b"[" * 16 + b"]" * 16, json.loads("[" * 16 + "]" * 16)),
    "same key in two objects": (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
    "brackets in a string": (b'["' + b"[{:" * 5000 + b'"]', ["[{:" * 5000]),
    "escaped quotes in a string": (rb'["\"{[\\\":\\"]', ['"{[\\":\\']),
}

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\0")), inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_text_that_is_not_plain_json_is_malformed(raw: bytes) -> None:
    """Text that two parsers could read differently, or that could break a parser, is refused with 400."""
    with pytest.raises(MalformedRequest) as refused:
        load(raw)
    assert refused.value.status == 400


@pytest.mark.parametrize("raw, value", WELL_FORMED.values(), ids=WELL_FORMED.keys())
def test_plain_json_is_read(raw: bytes, value: Any) -> None:
    """JSON within the bounds is read as written."""
    assert load(raw) == value


@given(values)
def test_json_of_a_client_library_is_read_back(value: Any) -> None:
    """Every value of ordinary size that a client library writes is read back unchanged, escaped or not."""
    for ensure_ascii in (True, False):
        assert load(json.dumps(value, ensure_ascii=ensure_ascii).encode()) == value


@given(st.binary(max_size=60))
def test_no_bytes_fail_otherwise(raw: bytes) -> None:
    """Any bytes are read or refused, without any other exception."""
    with suppress(MalformedRequest):
        assert load(raw) == json.loads(raw)


@given(st.text('[]{}:,"\\u0dD8a1eNI-. ', max_size=40))
def test_no_almost_json_fails_otherwise(text: str) -> None:
    """The same holds for text that is nearly JSON."""
    with suppress(MalformedRequest):
        assert load(text.encode()) == json.loads(text)


def test_a_refusal_repeats_nothing() -> None:
    """The error names the rule, not the value that broke it."""
    with pytest.raises(MalformedRequest) as refused:
        load(f'{{"{SECRET}": 1, "{SECRET}": 2}}'.encode())
    assert SECRET not in refused.value.detail


def test_a_batch_may_have_more_structure() -> None:
    """The limit for keys is higher on routes that read more."""
    raw = json.dumps([{"a": 1}] * MAX_STRUCTURE).encode()
    with pytest.raises(MalformedRequest):
        load(raw)
    assert len(load(raw, structure=2 * MAX_STRUCTURE + 1)) == MAX_STRUCTURE


def test_a_million_byte_values_are_no_structure() -> None:
    """A file sent as a list of numbers is accepted like one in base64, and converted to it."""
    content = bytes(range(256)) * 4_000
    for separators in ((",", ":"), (", ", ": "), (" ,\n", " : ")):
        value = load(json.dumps({"a": [{"content": list(content), "b": "x"}]}, separators=separators).encode())
        assert b64decode(value["a"][0]["content"]) == content
        assert value["a"][0]["b"] == "x"


@pytest.mark.parametrize("end", [b"256]", b"-1]", b"1.5]", b"1e1]", b"true]", b"01]", b"]", b",1]", b"1", b"1 1]"])
def test_a_long_list_of_other_values_is_no_file(end: bytes) -> None:
    """A list with any value that is not a byte, at any position, is not a file."""
    with pytest.raises(MalformedRequest):
        load(b'{"content":[' + b"1," * 600_000 + end + b"}")


LARGE = {
    "numbers": b"[" + b"1," * 3_000_000 + b"1]",
    "empty strings": b"[" + b'"",' * 2_000_000 + b'""]',
    "fractions": b"[" + b"1.5," * 1_500_000 + b"1]",
    "nulls": b'{"a":[' + b"null," * 1_000_000 + b"null]}",
    "bytes that are no content": b'{"to":[' + b"1," * 3_000_000 + b"1]}",
    "bytes within a string": b'{"a":"\\"content\\":[","b":[' + b"1," * 3_000_000 + b"1]}",
    "quotes": b'"' * 6_000_000,
    "contents": b"[" + b'{"content":[]},' * 400_000 + b"1]",
}


@pytest.mark.parametrize("raw", LARGE.values(), ids=LARGE.keys())
def test_many_small_values_are_refused_before_they_are_built(raw: bytes) -> None:
    """The refusal takes hardly any memory."""
    tracemalloc.start()
    try:
        with pytest.raises(MalformedRequest):
            load(raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("name", ["content", "RawContent", "Data"])
def test_only_attachments_may_be_large(name: str) -> None:
    """The content of attachments and messages may fill the body; text and everything else together may not."""
    content = "A" * (MAX_TEXT + 4)
    assert load(json.dumps({"attachments": [{name: content}]}).encode())["attachments"][0][name] == content
    for large in ({"html": content}, {name: content + "!"}, {"a": {name: "A", "html": content}}):
        with pytest.raises(PayloadTooLarge):
            load(json.dumps(large).encode())


def test_depth_is_counted_through_lists_and_objects() -> None:
    """Lists and objects nest alike."""
    half = MAX_DEPTH // 2
    raw = b'{"a": [' * half + b"]}" * half
    assert load(raw)["a"][0]["a"]
    with pytest.raises(MalformedRequest):
        load(b"[" + raw + b"]")
