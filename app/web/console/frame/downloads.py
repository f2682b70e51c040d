"""Downloads as CSV: cells that no spreadsheet takes for a formula, masked for those who may not see addresses."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from flask import Response, stream_with_context

from app.domain.csv_text import MEDIA_TYPE, safe, written
from app.web.console.frame.masks import sees_addresses, shown


def csv_download(name: str, columns: Sequence[str], pieces: Iterable[Iterable[Sequence[object]]]) -> Response:
    """A file of rows, sent while the pieces are read."""
    sees_addresses()  # asked now: the request is over when the rows are written
    answer = Response(stream_with_context(_lines(columns, pieces)), mimetype=MEDIA_TYPE)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _lines(columns: Sequence[str], pieces: Iterable[Iterable[Sequence[object]]]) -> Iterator[bytes]:
    yield written([columns]).encode()
    for piece in pieces:
        yield written([_cell(value) for value in row] for row in piece).encode()


def _cell(value: object) -> str:
    text = value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
    return "" if value is None else safe(shown(text))
