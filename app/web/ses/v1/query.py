"""How version 1 is spoken: forms with dotted names in (`Destination.ToAddresses.member.1`), XML out.

Everything is bounded before it is taken apart: the size of the form by the application's bound, the fields and the
escaped octets here.
"""

import re
from typing import Any, Final
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from flask import Response, g

from app.domain.errors import MalformedRequest, PayloadTooLarge
from app.web.http.strict_json import UNSAFE_CHARACTER
from app.web.ses.failures import Failure

MAX_FIELDS: Final = 1000
MAX_ESCAPES: Final = 3_000_000
"""Octets that are written as `%XX`: base64 of the largest message has some 1,300,000 of them."""

_NAMESPACE: Final = "http://ses.amazonaws.com/doc/2010-12-01/"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}(?:\.(?:[A-Za-z]{1,64}|[1-9][0-9]{0,3})){0,5}")
_OTHER_CHARACTERS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Tree = dict[str, Any]


def read_form(form: bytes) -> Tree:
    """The fields of a form or of a query string, as a tree. Parameters of a signature are left out.

    Raises `MalformedRequest` and `PayloadTooLarge`.
    """
    if form.count(b"%") > MAX_ESCAPES:
        raise PayloadTooLarge("The form has too many escaped octets.")
    try:
        pairs = parse_qsl(form.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise MalformedRequest(f"Send a form in UTF-8 with at most {MAX_FIELDS} fields.") from None
    fields = {name: value for name, value in pairs if not name.lower().startswith("x-amz-")}
    if len(fields) < sum(not name.lower().startswith("x-amz-") for name, _ in pairs):
        raise MalformedRequest("The form has the same field twice.")
    return _tree(fields)


def _tree(fields: dict[str, str]) -> Tree:
    root: Tree = {}
    for name, value in fields.items():
        if not _NAME.fullmatch(name) or UNSAFE_CHARACTER.search(value):
            raise MalformedRequest("A field has a name that no operation of SES has, or holds U+0000.")
        *path, last = name.split(".")
        place = root
        for step in path:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise MalformedRequest("A field of the form is a value and has parts as well.")
        if last in place:
            raise MalformedRequest("A field of the form is a value and has parts as well.")
        place[last] = value
    return {name: _with_lists(value) for name, value in root.items()}


def _with_lists(value: Any) -> Any:
    """The value with each `member` as a list, in the order of its numbers."""
    if not isinstance(value, dict):
        return value
    members = value.get("member")
    if len(value) == 1 and isinstance(members, dict) and all(number.isdigit() for number in members):
        return [_with_lists(members[number]) for number in sorted(members, key=int)]
    return {name: _with_lists(part) for name, part in value.items()}


def answer_of(action: str, result: dict[str, str]) -> Response:
    """The answer of an action, whose result has these texts."""
    fields = "".join(f"<{name}>{_text(value)}</{name}>" for name, value in result.items())
    return _xml(f"{action}Response", f"<{action}Result>{fields}</{action}Result>{_request_id(within=True)}", 200)


def answer_of_failure(failure: Failure) -> Response:
    """The answer for a failure."""
    whose = "Sender" if failure.status < 500 else "Receiver"
    error = f"<Type>{whose}</Type><Code>{failure.code}</Code><Message>{_text(failure.message)}</Message>"
    answer = _xml("ErrorResponse", f"<Error>{error}</Error>{_request_id(within=False)}", failure.status)
    if failure.retry_after is not None:
        answer.headers["Retry-After"] = str(failure.retry_after)
    return answer


def _xml(name: str, inner: str, status: int) -> Response:
    answer = Response(f'<{name} xmlns="{_NAMESPACE}">{inner}</{name}>', status=status, mimetype="text/xml")
    answer.headers["x-amzn-RequestId"] = g.request_id
    return answer


def _request_id(*, within: bool) -> str:
    request_id = f"<RequestId>{g.request_id}</RequestId>"
    return f"<ResponseMetadata>{request_id}</ResponseMetadata>" if within else request_id


def _text(value: str) -> str:
    """A text as XML 1.0 can have it."""
    return escape(_OTHER_CHARACTERS.sub("?", value))
