"""Whatever text stands in a field of the SES door, it gets an answer of SES and breaks nothing."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from tests.support.ses.door import Door, signed
from tests.support.ses.operations import FORMS, OPERATIONS

ODD = (
    "\x00",
    "ann\x00@example.com",
    "\x1b[2J",
    "\u2028",
    "\u202e",
    "\uffff",
    "\ud800",
    "\r\nX: y",
    "",
    "%00",
    "a" * 5_000,
)
OTHERS: tuple[Any, ...] = (*ODD, None, 7, True, [], {}, {"Data": {}}, ["a"])


def changed(value: Any, odd: Any) -> Iterator[Any]:
    """The value with `odd` in the place of each of its parts."""
    yield odd
    if isinstance(value, dict):
        yield from ({**value, name: other} for name, part in value.items() for other in changed(part, odd))
    elif isinstance(value, list):
        yield from ([other] for part in value for other in changed(part, odd))


def test_no_body_of_version_2_breaks_anything(door: Door) -> None:
    """Each part of each body in turn."""
    key = door.credentials()
    for name, (_, method, path, body) in OPERATIONS.items():
        for odd in OTHERS if body else ():
            for other in changed(body, odd):
                answer = signed(door, key, method, path, json.dumps(other).encode())
                assert answer.status in {200, 400}, (name, other)
                assert answer.status == 200 or answer.headers["x-amzn-ErrorType"]


def test_no_form_and_no_path_breaks_anything(door: Door) -> None:
    """Each field of each form, and the names in paths."""
    key = door.credentials()
    for name, (_, form) in FORMS.items():
        for field in form:
            for odd in ODD:
                pairs = {"Action": name, **form, field: odd}
                answer = signed(door, key, "POST", "/", urlencode(pairs, errors="surrogatepass").encode())
                assert answer.status in {200, 400}, (name, field, odd)
                assert b"<RequestId>" in answer.data
    for odd in ODD:
        for place in ("identities", "suppression/addresses"):
            path = f"/v2/email/{place}/{quote(odd or 'a', safe='', errors='surrogatepass')}"
            assert signed(door, key, "GET", path).status in {400, 404}, (place, odd)
