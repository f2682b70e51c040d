"""Strict JSON for the API: RFC 8259, in UTF-8, within bounds, with one meaning for every reader.

This module decides what is valid JSON and how much structure a body may have. `app.web.http.known` has the meaning of
the members, `app.web.http.json_structure` counts the structure. Every refusal but one is a `MalformedRequest` (400);
none repeats the input.

The text goes through CPython's own decoder, whose hook sees duplicate keys. pydantic's `model_validate_json` sees
neither duplicate keys nor the depth, so it would need a second scan. The two together are faster only for bodies of a
kilobyte (10 us against 15), and slower for all others (23 kB: 133 us against 98; 10 MB: 45 ms against 26).
"""

import json
import math
import re
from collections.abc import Collection, Iterator
from typing import Any, NoReturn

from app.domain.errors import MalformedRequest
from app.web.http.json_structure import MAX_STRUCTURE, compacted

MAX_DEPTH = 16
MAX_INTEGER = 2**53
"""Above this, readers that keep numbers as IEEE doubles, such as JavaScript, see a different number."""

_BOM = b"\xef\xbb\xbf"
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
UNSAFE_CHARACTER = re.compile("[\x00\ud800-\udfff]")
"""Characters that a database or UTF-8 cannot hold: U+0000 and surrogates."""


def load(raw: bytes, *, structure: int = MAX_STRUCTURE) -> Any:
    """The JSON value of `raw`, with at most `structure` keys, objects and arrays; else `MalformedRequest`.

    A long list of byte values under `content` is read as the base64 of its bytes. Raises `PayloadTooLarge` for a text
    that is long without such content.
    """
    if raw.startswith(_BOM):
        raise MalformedRequest("The body starts with a byte order mark. Send UTF-8 without one.")
    raw = compacted(raw, structure)
    value = _decode(raw)
    _check_shape(value, structure)
    if _SUSPECT_ESCAPE.search(raw) and any(UNSAFE_CHARACTER.search(text) for text in _texts(value)):
        raise MalformedRequest("The body contains U+0000 or half of a surrogate pair.")
    return value


def _too_much(structure: int) -> MalformedRequest:
    return MalformedRequest(f"The body has more than {structure} keys, objects and arrays.")


def _too_deep() -> MalformedRequest:
    return MalformedRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")


def _decode(raw: bytes) -> Any:
    try:
        return _decoder.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not UTF-8.") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise MalformedRequest("The body is not JSON.") from None


def _check_shape(value: Any, structure: int) -> None:
    """Walk the containers level by level. Raise `MalformedRequest` for too many, too deep, or too large an integer."""
    level, seen = [value], 0
    for _ in range(MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, (dict, list))]
        if not containers:
            return
        seen += len(containers) + sum(len(item) for item in containers if isinstance(item, dict))
        if seen > structure:
            raise _too_much(structure)
        level = [child for container in containers for child in _children(container)]
        if any(isinstance(child, int) and abs(child) > MAX_INTEGER for child in level):
            raise MalformedRequest("The body contains an integer beyond 2^53.")
    raise _too_deep()


def _children(container: dict[str, Any] | list[Any]) -> Collection[Any]:
    return container.values() if isinstance(container, dict) else container


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _texts(member)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(members)
    if len(unique) != len(members):
        raise MalformedRequest("An object in the body has the same key twice.")
    return unique


def _float(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise MalformedRequest("The body contains a number that is too large for a double.")
    return number


def _constant(_: str) -> NoReturn:
    raise MalformedRequest("NaN and Infinity are not JSON.")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
