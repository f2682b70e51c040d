"""CSV that Postern writes (RFC 4180), with cells that no spreadsheet takes for a formula.

A spreadsheet takes a cell for a formula when it begins with `=`, `+`, `-`, `@`, a tab or a carriage return. `safe`
writes a `'` before such a cell, and before a cell that begins with `'` and one of these or another `'`; `plain` removes
that `'`. https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

MEDIA_TYPE: Final = "text/csv"

_FORMULA = frozenset("=+-@\t\r")


def written(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def safe(cell: str) -> str:
    """The cell as text from outside is written."""
    guarded = cell[:1] in _FORMULA or (cell.startswith("'") and cell[1:2] in _FORMULA | {"'"})
    return "'" + cell if cell and guarded else cell


def plain(cell: str) -> str:
    """The text of a cell that `safe` wrote."""
    return cell[1:] if cell.startswith("'") and cell[1:2] and cell[1] in _FORMULA | {"'"} else cell
