"""`/console/import`: import a file into the list, with a preview first, and export the list as a file.

No copy of a file is kept between its preview and its import: the browser sends it again, and a digest of the file and
the options shows that they are those of the preview. The answer of an import is written while it runs, so the page
shows its progress without a script.
"""

import hashlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from typing import Annotated, Final

from flask import Response, request
from pydantic import Field

from app.domain.csv_text import MEDIA_TYPE
from app.domain.errors import Conflict, Fault, PosternError, ValidationFailed
from app.domain.suppression.files.file_text import PIECE
from app.domain.suppression.files.formats import Reading
from app.domain.suppression.files.rows import RowVerdict
from app.domain.suppression.files.vendor_rows import FileFormat, VendorList
from app.domain.users.roles import Role
from app.services.suppression.files.import_batch import RowResult
from app.services.suppression.files.import_list import How
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.forms import Checked, Form, Reason
from app.web.console.frame.pages import Pages
from app.web.console.frame.rendering import render, render_around
from app.web.console.suppression.words import ROWS
from app.web.http.context import current_gateway

console_files = Pages("console_files", __name__)

_SHOWN: Final = 200
"""Rows of a file that a page shows; it counts all of them."""

_SHOW_EVERY_S: Final = 0.5
_COLUMNS: Final = ("line", "verdict", "rule", "detail", "address")
_NOT_PREVIEWED: Final = "This is not the file of the preview, or not with these options. This is its preview."


class _Options(Form):
    format: FileFormat = FileFormat.AUTO
    list: VendorList | None = None
    scope: Annotated[str, Field(max_length=128)] | None = None
    fresh: Checked
    reason: str = ""

    def how(self, session: Session, *, dry_run: bool, reason: str | None = None) -> How:
        """The same as the service takes it. Whole domains take an operator, as on the page of a domain."""
        return How(
            reading=Reading(format=self.format, scope=self.scope, list_kind=self.list),
            dry_run=dry_run,
            fresh=self.fresh,
            whole_domains=session.user.role.includes(Role.OPERATOR),
            reason=reason,
        )

    def digest_of(self, file: bytes) -> str:
        """What tells this file with these options from others."""
        options = f"{self.format}|{self.list}|{self.scope}|{self.fresh}|"
        return hashlib.sha256(options.encode() + file).hexdigest()


class PreviewForm(_Options):
    """How to read the file. What is filled in for its import is sent too, and of no use here."""

    digest: str = ""


class ImportForm(_Options):
    """How to read a file that was previewed, and why it is imported."""

    reason: Reason
    digest: Annotated[str, Field(max_length=64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an import would do: how many rows get which verdict, and the first rows."""

    rows: int
    counts: dict[RowVerdict, int]
    first: list[RowResult]
    digest: str
    problem: str


@console_files.page("/console/import", role=Role.SUPPORT, summary="Show the import and the export.")
def show_import(session: Session) -> Response:  # noqa: ARG001
    """Answer with the form."""
    return _page(PreviewForm(fresh=False), None)


@console_files.change(
    "/console/import/preview", role=Role.SUPPORT, summary="Preview the import of a file.", form=PreviewForm, upload=True
)
def preview_import(session: Session, form: PreviewForm) -> Response:
    """Answer with what would be done. Nothing is changed."""
    return _previewed(session, form, _file())


def _previewed(session: Session, form: _Options, file: bytes, *, refused: PosternError | None = None) -> Response:
    counts, first, problem = dict.fromkeys(RowVerdict, 0), list[RowResult](), ""
    try:
        for results in _steps(session, file, form.how(session, dry_run=True)):
            _count(counts, results)
            first += results[: _SHOWN - len(first)]
    except ValidationFailed as error:
        problem = error.detail
    rows = sum(counts.values())
    preview = Preview(rows=rows, counts=counts, first=first, digest=form.digest_of(file), problem=problem)
    return _page(form, preview, refused=refused)


@console_files.change(
    "/console/import/verdicts",
    role=Role.SUPPORT,
    summary="Download the verdict on each row of a file.",
    form=PreviewForm,
    upload=True,
)
def download_verdicts(session: Session, form: PreviewForm) -> Response:
    """Answer with a line for each row. Nothing is changed."""
    steps = _steps(session, _file(), form.how(session, dry_run=True))
    return csv_download("verdicts", _COLUMNS, _verdicts(steps))


@console_files.change("/console/import", role=Role.SUPPORT, summary="Import a file.", form=ImportForm, upload=True)
def import_file(session: Session, form: ImportForm) -> Response:
    """Answer with the progress while the file is imported, and then with the result; or preview another file."""
    file = _file()
    if form.digest_of(file) != form.digest:
        return _previewed(session, form, file, refused=Conflict(_NOT_PREVIEWED))
    steps = _steps(session, file, form.how(session, dry_run=False, reason=form.reason))
    return render_around(_progress(steps), "suppression/importing.html")


@console_files.page("/console/export", role=Role.SUPPORT, summary="Export the suppressions.")
def export_suppressions(session: Session) -> Response:
    """Answer with a file that can be imported again, streamed while the list is read."""
    pieces = current_gateway().export_list(caller_of(session))
    answer = Response((piece.text.encode() for piece in pieces), mimetype=MEDIA_TYPE)
    answer.headers["Content-Disposition"] = 'attachment; filename="suppressions.csv"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _page(options: _Options, preview: Preview | None, *, refused: PosternError | None = None) -> Response:
    return render(
        "suppression/import.html",
        status=refused.status if refused else 200,
        refused=refused,
        options=options,
        preview=preview,
        formats=list(FileFormat),
        lists=list(VendorList),
        verdicts=ROWS,
        most=current_gateway().settings.max_body_bytes,
    )


def _file() -> bytes:
    """The file of the form. It is in memory: `max_body_bytes` bounds it."""
    sent = request.files.get("file")
    file = sent.read() if sent else b""
    if not file:
        rule = "Choose a file that is not empty."
        raise ValidationFailed(rule, faults=(Fault("/file", "required", rule),))
    return file


def _steps(session: Session, file: bytes, how: How) -> Iterator[Sequence[RowResult]]:
    pieces = (file[start : start + PIECE] for start in range(0, len(file), PIECE))
    return current_gateway().import_list.steps(caller_of(session), pieces, how)


def _count(counts: dict[RowVerdict, int], results: Sequence[RowResult]) -> None:
    for one in results:
        counts[one.verdict] += 1


def _verdicts(steps: Iterator[Sequence[RowResult]]) -> Iterator[Iterator[tuple[object, ...]]]:
    try:
        for results in steps:
            yield ((one.line, one.verdict, one.code, one.detail, one.email) for one in results)
    except PosternError as error:  # the file has begun: its last line says why it ends
        yield iter([("", "", error.name, error.detail, "")])


def _progress(steps: Iterator[Sequence[RowResult]]) -> Generator[str]:
    """A line now and then while the import runs, and the result."""
    yield ""
    counts, refused, problem, shown_at = dict.fromkeys(RowVerdict, 0), list[RowResult](), "", monotonic()
    try:
        for results in steps:
            _count(counts, results)
            refused += islice((one for one in results if one.verdict is RowVerdict.REFUSED), _SHOWN - len(refused))
            if monotonic() - shown_at > _SHOW_EVERY_S:
                shown_at = monotonic()
                yield f"<li>{sum(counts.values()):,} rows</li>\n"
    except PosternError as error:
        problem = error.detail
    result = render(
        "suppression/import_result.html",
        rows=sum(counts.values()),
        counts=counts,
        refused=refused,
        problem=problem,
        verdicts=ROWS,
    )
    yield result.get_data(as_text=True)
