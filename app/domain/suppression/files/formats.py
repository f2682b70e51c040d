"""The formats of a suppression list file: ours, which the export writes, and those of vendors.

This module decides how a row is read and how a row of ours is written; `app.domain.suppression.files.vendors` knows the
vendors. It opens no file and holds one row at a time.

The export writes a `'` before a cell that a spreadsheet takes for a formula, and the import removes it
(`app.domain.csv_text`). Whole domains (`'@example.org`) are such cells; they are read without the `'` too.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from app.domain.csv_text import plain, safe, written
from app.domain.message.text_rules import Rule
from app.domain.suppression.files.csv_rows import csv_rows
from app.domain.suppression.files.file_text import UnreadableFile, decoded, western
from app.domain.suppression.files.json_rows import json_rows
from app.domain.suppression.files.rows import BadRow, ListRow, Refused, RowRule, moment_of, name_of, reason_in, scope_in
from app.domain.suppression.files.vendor_rows import ORIGIN_OF, FileFormat, Parse, Record, VendorList
from app.domain.suppression.files.vendors import NEEDED, VENDORS, layout_of
from app.domain.suppression.rules import Origin

COLUMNS: Final = ("email", "scope", "origin", "reason", "created_at", "expires_at", "source")

_IMPORTED = "Imported from a file."
_OF_AN_IMPORT_JOB = ["emailaddress", "reason"]  # SES's own CSV has no first line of names
_OF_AWS_TEXT = "SUPPRESSEDDESTINATIONSUMMARIES"
_AS_TEXT = "This is the text output of the AWS command line; make the file again with `--output json`."
_BARE = (
    "This is a list of addresses alone. Put `email` on the first line, which makes them `manual`, or say with `list` "
    "what they are: bounces, complaints or unsubscribes."
)
_READ = frozenset(
    {"email", "address", "emailaddress", "recipient", "scope", "origin", "reason", "createdat", "created"}
)
_ADDRESSES = frozenset({"email", "address", "emailaddress"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is to be read.

    `scope` replaces the scope of every row. `list_kind` says which list of a vendor the file is. Without `with_source`,
    the evidence in a file of ours is left out.
    """

    format: FileFormat = FileFormat.AUTO
    scope: str | None = None
    list_kind: VendorList | None = None
    with_source: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An entry of the list as it stands in a file. `source` is left out for a caller who may not see the evidence."""

    email: str
    scope: str
    origin: str
    reason: str
    created_at: datetime
    expires_at: datetime | None
    source: Mapping[str, Any] | None


class ListFile:
    """A file that is being read. `format` is known once the first row has been read."""

    def __init__(self, pieces: Iterable[bytes], reading: Reading) -> None:
        self.format = reading.format
        self._pieces = pieces
        self._reading = reading

    def __iter__(self) -> Iterator[ListRow | Refused]:
        """Yield the rows. Raises `UnreadableFile` at the place from which the rest cannot be read."""
        line, names, records = _table(self._pieces, self._reading.list_kind)
        self.format = layout_of(names, self._reading.format, ours=COLUMNS, line=line)
        parse = self._parser(names, line)
        for line, record in records:
            try:
                yield parse(line, record)
            except KeyError:
                yield _refused(line, RowRule.CELLS)
            except BadRow as error:
                yield _refused(line, error.rule)

    def _parser(self, names: Collection[str], line: int) -> Parse:
        if self.format is FileFormat.OURS:
            return self._ours
        make = VENDORS[self.format]
        return make(names, scope=self._reading.scope, list_kind=self._reading.list_kind, line=line)

    def _ours(self, line: int, record: Record) -> ListRow:
        cells = {name: plain(cell) for name, cell in record.items()}
        key, address = name_of(cells["email"])
        return ListRow(
            line=line,
            key=key,
            address=address,
            scope=self._reading.scope or scope_in(cells.get("scope", "")),
            origin=self._origin(cells.get("origin", "")),
            reason=reason_in(cells.get("reason", ""), otherwise=_IMPORTED),
            dated=moment_of(cells.get("createdat", "")),
            expires_at=moment_of(cells.get("expiresat", "")),
            source=_source(cells.get("source", "")) if self._reading.with_source else {},
        )

    def _origin(self, text: str) -> Origin:
        kind = self._reading.list_kind
        return ORIGIN_OF[kind] if kind in ORIGIN_OF and not text.strip() else _origin(text)


def header() -> str:
    """The first line of an export."""
    return written([COLUMNS])


def cells_of(entry: Exported) -> tuple[str, ...]:
    """The cells of an entry, in the order of `COLUMNS`."""
    texts = (entry.email, entry.scope, entry.origin, entry.reason)
    times = (_moment(entry.created_at), _moment(entry.expires_at))
    source = "" if entry.source is None else json.dumps(entry.source, ensure_ascii=False, separators=(",", ":"))
    return (*map(safe, texts), *times, source)


def _table(
    pieces: Iterable[bytes], list_kind: VendorList | None
) -> tuple[int, Collection[str], Iterator[tuple[int, Record]]]:
    """Return the line of the first row, its member names, and the rows. A row unlike the first is empty."""
    texts = decoded(pieces)
    beginning = ""
    for text in texts:
        beginning += text
        if beginning.strip():
            break
    whole = chain([beginning], texts)
    return _of_json(whole) if beginning.lstrip().startswith(("{", "[")) else _of_csv(whole, list_kind)


def _of_json(texts: Iterable[str]) -> tuple[int, Collection[str], Iterator[tuple[int, Record]]]:
    rows = json_rows(texts, _has_an_address)
    records = ((line, {_folded(name): _cell(value) for name, value in row.items()}) for line, row in rows)
    first = next(records, None)
    if first is None:
        return 1, NEEDED[FileFormat.OURS], iter(())
    return first[0], first[1], chain([first], records)


def _of_csv(
    texts: Iterable[str], list_kind: VendorList | None
) -> tuple[int, Collection[str], Iterator[tuple[int, Record]]]:
    rows = csv_rows(texts)
    first = next(rows, None)
    if first is None:
        raise UnreadableFile("The file is empty; the first line names the columns.", line=1)
    line, cells = first
    names = [_folded(name) for name in cells]
    if len(cells) == len(_OF_AN_IMPORT_JOB) and "@" in cells[0]:
        names, rows = _OF_AN_IMPORT_JOB, chain([first], rows)
    elif cells[0].strip() == _OF_AWS_TEXT:
        raise UnreadableFile(_AS_TEXT, line=line)
    elif len(cells) == 1 and "@" in cells[0]:
        if list_kind is None:
            raise UnreadableFile(_BARE, line=line)
        names, rows = ["email"], chain([first], rows)
    if twice := next((name for name in names if name in _READ and names.count(name) > 1), None):
        raise UnreadableFile(f"The column `{cells[names.index(twice)].strip()}` is named twice; keep one.", line=line)
    names = _apart(names)
    return line, names, ((at, dict(zip(names, row, strict=True)) if len(row) == len(names) else {}) for at, row in rows)


def _apart(names: Sequence[str]) -> list[str]:
    """The names with the later ones of those that come twice made different: such columns are not read."""
    return [name if name and name not in names[:at] else f"{name}#{at}" for at, name in enumerate(names)]


def _refused(line: int, rule: Rule) -> Refused:
    return Refused(line, rule.value, rule.sentence)


def _folded(name: str) -> str:
    """`created_at`, `CreatedAt` and `Created At` are one name."""
    return name.strip().replace("_", "").replace(" ", "").replace("-", "").lower()


def _has_an_address(members: Mapping[str, Any]) -> bool:
    return any(_folded(name) in _ADDRESSES for name in members)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case list():
            return ",".join(map(str, value))
        case dict():
            return json.dumps(value)
    return str(value)


def _origin(text: str) -> Origin:
    try:
        return Origin(text.strip().lower() or Origin.MANUAL)
    except ValueError as error:
        raise BadRow(RowRule.ORIGIN) from error


def _source(text: str) -> Mapping[str, Any]:
    if not text:
        return {}
    try:
        source = json.loads(western(text))
    except (ValueError, RecursionError) as error:
        raise BadRow(RowRule.SOURCE) from error
    if not isinstance(source, dict):
        raise BadRow(RowRule.SOURCE)
    return source


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
