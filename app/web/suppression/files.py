"""`/v1/suppressions/export` and `/import`: the suppression list as a file, streamed in both directions.

The views are thin on purpose: `ExportList` decides which entries a caller sees, `ImportList` the verdict on each row. A
body that ends before its declared length ends the import, since its last row may be half an address.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from flask import Response
from pydantic import Field

from app.domain.apps.callers import Caller, Scope
from app.domain.csv_text import MEDIA_TYPE
from app.domain.suppression.files.formats import Reading
from app.domain.suppression.files.rows import RowVerdict
from app.domain.suppression.files.vendor_rows import FileFormat, VendorList
from app.domain.suppression.rules import Origin
from app.services.suppression.files.import_batch import RowResult
from app.services.suppression.files.import_list import How, Imported
from app.web.http.context import current_gateway
from app.web.http.fields import FlagText
from app.web.http.known import Known
from app.web.http.requests import read_pieces
from app.web.http.responses import View
from app.web.http.routing import Operation, Routes
from app.web.suppression.suppression_requests import ScopeWord

list_files = Routes("list_files", __name__, url_prefix="/v1/suppressions")

REFUSALS: Final = 1_000
"""The number of refused rows that a response names; it counts all of them."""

BODY_TYPES: Final = (MEDIA_TYPE, "application/json", "application/x-ndjson")


class ExportQuery(Known):
    """The live entries to export; default: all that the caller may see."""

    scope: ScopeWord | None = None
    origin: Origin | None = None


class ImportQuery(Known):
    """How to read the file. With `dry_run` nothing is changed. `list` is the vendor's list that the file holds."""

    dry_run: FlagText = False
    format: FileFormat = FileFormat.AUTO
    scope: Annotated[ScopeWord | None, Field(description="The scope of every row, whatever the row says.")] = None
    list: VendorList | None = None
    fresh: Annotated[FlagText, Field(description="Read a row without a time as if it were from today.")] = False

    def how(self) -> How:
        """The same as the service takes it."""
        reading = Reading(format=self.format, scope=self.scope, list_kind=self.list)
        return How(reading=reading, dry_run=self.dry_run, fresh=self.fresh)


class RefusedRowView(View):
    """A row that was refused, with the rule that it breaks."""

    line: int
    code: str
    detail: str


class ImportView(View):
    """The result of an import: the number of rows for each verdict, and the first thousand refused rows."""

    object: Literal["suppression_import"]
    id: UUID
    dry_run: bool
    format: str
    rows: int
    added: int
    replaced: int
    kept: int
    removed_since: int
    over: int
    refused: int
    refusals: list[RefusedRowView]

    @classmethod
    def of(cls, done: Imported, refusals: list[RefusedRowView]) -> Self:
        """Make it from the result of an import."""
        return cls(
            object="suppression_import",
            id=done.id,
            dry_run=done.dry_run,
            format=done.format,
            rows=done.rows,
            refusals=refusals,
            **{name.value: count for name, count in done.counts.items()},
        )


@list_files.operation(
    "GET",
    "/export",
    Operation(
        guard=Scope.SUPPRESSIONS_READ,
        summary="Export the live entries as a CSV file that can be imported again.",
        query=ExportQuery,
        gives=str,
        media=MEDIA_TYPE,
    ),
)
def export_suppressions(caller: Caller, query: ExportQuery) -> Response:
    """Answer with the file, streamed while the list is read."""
    pieces = current_gateway().export_list(caller, scope=query.scope, origin=query.origin)
    answer = Response((piece.text.encode() for piece in pieces), mimetype=MEDIA_TYPE)
    answer.headers["Content-Disposition"] = 'attachment; filename="suppressions.csv"'
    return answer


@list_files.operation(
    "POST",
    "/import",
    Operation(
        guard=Scope.SUPPRESSIONS_WRITE,
        summary="Import a file into the list: an export, or the list of another vendor.",
        query=ImportQuery,
        documented_body=str,
        body_media=BODY_TYPES,
        gives=ImportView,
    ),
)
def import_suppressions(caller: Caller, query: ImportQuery) -> Response:
    """Answer once the whole file is imported, batch by batch."""
    refusals: list[RefusedRowView] = []

    def report(rows: Sequence[RowResult]) -> None:
        refused = [row for row in rows if row.verdict is RowVerdict.REFUSED][: REFUSALS - len(refusals)]
        refusals.extend(RefusedRowView(line=row.line, code=row.code, detail=row.detail) for row in refused)

    gateway = current_gateway()
    pieces = read_pieces(BODY_TYPES, limit=gateway.settings.max_import_bytes)
    done = gateway.import_list(caller, pieces, query.how(), report=report)
    return ImportView.of(done, refusals).answer()
