"""Downloads as CSV: cells that no spreadsheet takes for a formula, masked for those who may not see addresses."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar
from uuid import UUID

from flask import Response, stream_with_context

from app.domain.csv_text import MEDIA_TYPE, safe, written
from app.services.paging import Page, Paged
from app.web.console.frame.masks import sees_addresses, shown

T = TypeVar("T")
_AT_A_TIME: Final = 500


def every_page(read: Callable[[Page], Paged[T]], id_of: Callable[[T], UUID]) -> Iterator[tuple[T, ...]]:
    """The rows of a list, page by page, each read when it is needed."""
    after = None
    while True:
        found = read(Page(limit=_AT_A_TIME, after=after))
        yield found.data
        if not found.has_more:
            return
        after = id_of(found.data[-1])


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
    return "" if value is None else safe(shown(str(value)))
