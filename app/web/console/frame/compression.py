"""Answers are sent compressed to browsers that can read it: a page of a list is then a fifth as large."""

import gzip
from typing import Final

from flask import Response, request

_LEAST: Final = 1_024
_FAST: Final = 5


def compressed(answer: Response) -> Response:
    """The answer, compressed if it is whole, large enough, and the browser takes gzip."""
    answer.vary.add("Accept-Encoding")
    is_whole = not answer.is_streamed and not answer.direct_passthrough and "Content-Encoding" not in answer.headers
    if is_whole and accepts_gzip() and len(answer.get_data()) >= _LEAST:
        answer.set_data(gzip.compress(answer.get_data(), _FAST, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
    return answer


def accepts_gzip() -> bool:
    """Whether the browser takes gzip."""
    return request.accept_encodings.quality("gzip") > 0
