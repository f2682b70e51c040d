"""Read requests: a body once, within bounds and without Content-Encoding; a query string with each parameter once.

This module decides what may be read at all. `app.web.http.faults.validation` checks the content against the models of
`app.web.http.known`.
"""

from collections.abc import Collection, Iterator
from io import BytesIO
from typing import IO, Any

from flask import Request, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from app.domain.apps.callers import Caller
from app.domain.errors import (
    Fault,
    InvalidIdempotencyKey,
    MalformedRequest,
    PayloadTooLarge,
    PosternError,
    RequestTimeout,
    UnsupportedMediaType,
    ValidationFailed,
)
from app.domain.suppression.files.file_text import PIECE
from app.services.submission.idempotency import Idempotency, fingerprint, fingerprint_as_sent, key_of_mode
from app.web.http import strict_json
from app.web.http.json_structure import MAX_STRUCTURE
from app.web.http.strict_json import UNSAFE_CHARACTER

_KEY_LIMIT = 256
_TOO_SLOW = "The body stopped arriving, or arrived too slowly. Send it again."
_CUT_OFF = "The body ended too early. Send it again."


class InMemory(Request):
    """A request whose uploaded files stay in memory: they hold addresses, and Werkzeug would write them to the disk."""

    def _get_file_stream(self, *_: object, **__: object) -> IO[bytes]:
        return BytesIO()


def read_bytes(*, limit: int | None = None) -> bytes:
    """The body, at most `limit` bytes (default: the application's bound). A longer one is a 413, and is not read."""
    if request.content_encoding:
        raise UnsupportedMediaType("Send the body without Content-Encoding.")
    if limit is not None:
        request.max_content_length = limit
    raw = _whole()
    most = request.max_content_length
    # Of a body without a declared length, Werkzeug returns what fits and silently drops the rest.
    if request.content_length is None and most is not None and len(raw) >= most:
        raise PayloadTooLarge("The body is larger than this gateway accepts.")
    return raw


def read_pieces(types: Collection[str], *, limit: int) -> Iterator[bytes]:
    """The body in pieces as it arrives, at most `limit` bytes, if it has one of these media types.

    The iterator raises `MalformedRequest` when the body ends early: else the caller would take a part for the whole.
    """
    if request.content_encoding:
        raise UnsupportedMediaType("Send the body without Content-Encoding.")
    if request.mimetype not in types:
        raise UnsupportedMediaType(f"Send the body with one of these as its Content-Type: {', '.join(types)}.")
    request.max_content_length = limit
    return _pieces(request.stream, length=request.content_length)


def _whole() -> bytes:
    try:
        return request.get_data()
    except RequestEntityTooLarge:
        raise
    except Exception as error:
        raise _not_read(error) from error


def _not_read(error: BaseException) -> PosternError:
    """Why a body could not be read. The stream belongs to the HTTP server, which raises exceptions of its own."""
    late = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
    return RequestTimeout(_TOO_SLOW) if late else MalformedRequest(_CUT_OFF)


def _pieces(stream: IO[bytes], *, length: int | None) -> Iterator[bytes]:
    read = 0
    while length is None or read < length:
        try:
            piece = stream.read(PIECE)
        except RequestEntityTooLarge:
            raise
        except Exception as error:
            raise _not_read(error) from error
        if not piece:
            break
        read += len(piece)
        yield piece
    if length is not None and read < length:
        raise MalformedRequest(_CUT_OFF)


def read_json(*, structure: int = MAX_STRUCTURE) -> Any:
    """The JSON value of the body; see `app.web.http.strict_json` for its bounds."""
    if not request.is_json:
        raise UnsupportedMediaType("Send JSON, with Content-Type: application/json.")
    g.json_body = strict_json.load(read_bytes(), structure=structure)
    return g.json_body


def read_query(several: Collection[str] = ()) -> dict[str, str | list[str]]:
    """The parameters of the query string. Those of `several` may be repeated, and are lists then."""
    given = dict(request.args.lists())
    if any(UNSAFE_CHARACTER.search(text) for name, values in given.items() for text in (name, *values)):
        faults = (Fault("", "character", "A parameter of the query string contains U+0000 or invalid UTF-8."),)
        raise ValidationFailed(faults[0].detail, faults=faults)
    if any(len(values) > 1 for name, values in given.items() if name not in several):
        faults = (Fault("", "repeated", _repeated(several)),)
        raise ValidationFailed(faults[0].detail, faults=faults)
    return {name: values if len(values) > 1 else values[0] for name, values in given.items()}


def _repeated(several: Collection[str]) -> str:
    allowed = f" except {', '.join(several)}" if several else ""
    return f"The query string repeats a parameter. Give each of them once{allowed}."


def read_idempotency(caller: Caller) -> Idempotency | None:
    """The client's idempotency key with the fingerprints of this request, or None when the client sent no key.

    Those of test email and of live email are kept apart. Called after `read_json`.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= _KEY_LIMIT or not (key.isascii() and key.isprintable()):
        raise InvalidIdempotencyKey(f"An Idempotency-Key has 1 to {_KEY_LIMIT} printable ASCII characters.")
    mode = request.headers.get("x-batch-validation") or "strict"
    return Idempotency(
        key=key_of_mode(caller, key),
        fingerprint=fingerprint(f"{request.path.rstrip('/')} {mode}", g.json_body),
        as_sent=fingerprint_as_sent(f"{request.path} {mode}", request.get_data()),
    )
