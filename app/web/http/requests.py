"""How a request is read: its body once, within bounds, as it is; its query string with each parameter once.

It decides what may be read at all. What was read is checked against `app.web.schemas` by `app.web.faults`.
"""

from collections.abc import Collection, Iterator
from typing import IO, Any

from flask import request

from app.domain.errors import (
    Fault,
    InvalidIdempotencyKey,
    MalformedRequest,
    PayloadTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
)
from app.domain.file_text import PIECE
from app.services.accept import Idempotency, fingerprint
from app.web import json

_KEY_LIMIT = 256
_CUT_OFF = "The body ended before its end was reached; send it again."


def read_bytes(*, limit: int | None = None) -> bytes:
    """The body as it came, at most `limit` bytes (default: the application's bound); longer is a 413, unread."""
    if request.content_encoding:
        raise UnsupportedMediaType("Send the body without Content-Encoding.")
    if limit is not None:
        request.max_content_length = limit
    raw = request.get_data()
    most = request.max_content_length
    # Of a body that does not tell its length Werkzeug returns what fits and drops the rest without a word.
    if request.content_length is None and most is not None and len(raw) >= most:
        raise PayloadTooLarge("The body is larger than this gateway accepts.")
    return raw


def read_pieces(types: Collection[str], *, limit: int) -> Iterator[bytes]:
    """The body as it comes, in pieces, at most `limit` bytes of it, if it is of one of these media types.

    Raises `MalformedRequest` from the iterator when the body ends early: whoever reads on would take what came for all.
    """
    if request.content_encoding:
        raise UnsupportedMediaType("Send the body without Content-Encoding.")
    if request.mimetype not in types:
        raise UnsupportedMediaType(f"Send the body with one of these as its Content-Type: {', '.join(types)}.")
    request.max_content_length = limit
    return _pieces(request.stream, length=request.content_length)


def _pieces(stream: IO[bytes], *, length: int | None) -> Iterator[bytes]:
    read = 0
    while length is None or read < length:
        try:
            piece = stream.read(PIECE)
        except OSError as error:
            raise MalformedRequest(_CUT_OFF) from error
        if not piece:
            break
        read += len(piece)
        yield piece
    if length is not None and read < length:
        raise MalformedRequest(_CUT_OFF)


def read_json(*, structure: int = json.MAX_STRUCTURE) -> Any:
    """The JSON value that the body is; see `app.web.json` for its bounds."""
    if not request.is_json:
        raise UnsupportedMediaType("Send JSON, with Content-Type: application/json.")
    return json.load(read_bytes(), structure=structure)


def read_query() -> dict[str, str]:
    """The parameters of the query string."""
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        faults = (Fault("", "repeated", "A parameter stands in the query string more than once."),)
        raise ValidationFailed(faults[0].detail, faults=faults)
    return request.args.to_dict()


def read_idempotency() -> Idempotency | None:
    """The client's idempotency key, tied to this very request, or None when it sent none."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= _KEY_LIMIT or not (key.isascii() and key.isprintable()):
        raise InvalidIdempotencyKey(f"An Idempotency-Key is 1 to {_KEY_LIMIT} printable ASCII characters.")
    mode = request.headers.get("x-batch-validation", "strict")
    return Idempotency(key=key, fingerprint=fingerprint(f"{request.path} {mode}", request.get_data()))
