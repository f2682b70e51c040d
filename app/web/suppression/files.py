"""`/v1/suppressions/export` and `/import`: the list as a file, out of the gateway and into it, streamed both ways.

Thin on purpose: who sees what is decided by `ExportList`, what becomes of a row by `ImportList`. A body that ends
before its length was reached ends the import: its last row may be half an address.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from flask import Response
from pydantic import Field

from app.domain.callers import Caller, Scope
from app.domain.list_files import MEDIA_TYPE, Reading
from app.domain.list_rows import RowVerdict
from app.domain.suppression import Origin
from app.domain.vendor_lists import FileFormat, VendorList
from app.services.import_batch import Told as ToldRow
from app.services.import_list import How, Imported
from app.web.answers import Told
from app.web.context import current_gateway
from app.web.fields import FlagText
from app.web.reading import read_pieces
from app.web.routing import Operation, Routes
from app.web.schemas import Known, ScopeWord

list_files = Routes("list_files", __name__, url_prefix="/v1/suppressions")

REFUSALS: Final = 1_000
"""Refused rows that an answer names; it counts all of them."""

BODY_TYPES: Final = (MEDIA_TYPE, "application/json", "application/x-ndjson")


class ExportQuery(Known):
    """Which live entries; default: all that concern the caller."""

    scope: ScopeWord | None = None
    origin: Origin | None = None


class ImportQuery(Known):
    """How to read the file. With `dry_run` nothing is changed; `list` says which list of a vendor it is."""

    dry_run: FlagText = False
    format: FileFormat = FileFormat.AUTO
    scope: Annotated[ScopeWord | None, Field(description="Of every row, whatever it says.")] = None
    list: VendorList | None = None
    fresh: Annotated[FlagText, Field(description="Rows without a time are as new as today.")] = False

    def how(self) -> How:
        """The same in the words of the service."""
        reading = Reading(format=self.format, scope=self.scope, list_kind=self.list)
        return How(reading=reading, dry_run=self.dry_run, fresh=self.fresh)


class ToldRefusal(Told):
    """A row that is not on the list because of the rule that it breaks."""

    line: int
    code: str
    detail: str


class ToldImport(Told):
    """What became of a file: how many rows came to which verdict, and the first thousand that were refused."""

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
    refusals: list[ToldRefusal]

    @classmethod
    def of(cls, done: Imported, refusals: list[ToldRefusal]) -> Self:
        """Written from what an import came to."""
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
        summary="The live entries as a CSV file that can be imported again.",
        query=ExportQuery,
        gives=str,
        media=MEDIA_TYPE,
    ),
)
def export_suppressions(caller: Caller, query: ExportQuery) -> Response:
    """Answer with the file, as it is read."""
    pieces = current_gateway().export_list(caller, scope=query.scope, origin=query.origin)
    answer = Response((piece.text.encode() for piece in pieces), mimetype=MEDIA_TYPE)
    answer.headers["Content-Disposition"] = 'attachment; filename="suppressions.csv"'
    return answer


@list_files.operation(
    "POST",
    "/import",
    Operation(
        guard=Scope.SUPPRESSIONS_WRITE,
        summary="Take a file into the list: an export, or the list of another vendor.",
        query=ImportQuery,
        documented_body=str,
        body_media=BODY_TYPES,
        gives=ToldImport,
    ),
)
def import_suppressions(caller: Caller, query: ImportQuery) -> Response:
    """Answer once the whole file is on the list, batch by batch."""
    refusals: list[ToldRefusal] = []

    def tell(rows: Sequence[ToldRow]) -> None:
        refused = [row for row in rows if row.verdict is RowVerdict.REFUSED][: REFUSALS - len(refusals)]
        refusals.extend(ToldRefusal(line=row.line, code=row.code, detail=row.detail) for row in refused)

    gateway = current_gateway()
    pieces = read_pieces(BODY_TYPES, limit=gateway.settings.max_import_bytes)
    done = gateway.import_list(caller, pieces, query.how(), tell=tell)
    return ToldImport.of(done, refusals).answer()
