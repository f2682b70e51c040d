"""Import files: each row is read or refused with a rule, and a broken file is reported with the place."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.csv_text import written
from app.domain.suppression.files.file_text import LINE_LIMIT, UnreadableFile
from app.domain.suppression.files.formats import Exported, ListFile, Reading, cells_of, header
from app.domain.suppression.files.rows import ListRow, Refused
from app.domain.suppression.rules import Origin
from tests.support.suppression.list_files import csv_of, read

FORMULAS = ("=1+1", "+49 30 1", "-1", "@sum(a1)", "\tx", "\rx", "'=1", "''x", "'x", "'", "plain", "")


def keys(data: bytes, **how: Any) -> list[str]:
    return [row.key if isinstance(row, ListRow) else row.code for row in read(data, **how)]


def test_a_list_of_addresses_alone_is_a_file() -> None:
    """Addresses without other columns are suppressed for every email, with origin manual, for ever."""
    [row] = read(b"email\nAnn@Example.net\n")
    assert row == ListRow(
        line=2,
        key="ann@example.net",
        scope="*",
        address="Ann@Example.net",
        origin=Origin.MANUAL,
        reason="Imported from a file.",
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [b",", b";", b"\t"])
def test_files_of_every_spreadsheet_are_read(end: bytes, mark: bytes, delimiter: bytes) -> None:
    """With or without a byte order mark, either line end, any of three delimiters, and without a final line end."""
    rows = [delimiter.join((b"Email", b"Created At")), b"", delimiter.join((b"ann@example.net", b"2026-03-04"))]
    [row] = read(mark + end.join(rows))
    assert isinstance(row, ListRow)
    assert (row.line, row.key, row.dated) == (3, "ann@example.net", datetime(2026, 3, 4, tzinfo=UTC))


def test_a_row_over_several_lines_counts_from_its_first() -> None:
    """Within quotes, line ends and delimiters belong to the cell."""
    rows = read(b'email,reason\r\nann@example.net,"one\r\ntwo, ""three"""\r\nbad\r\nlee@example.net,x\r\n')
    assert [(row.line, getattr(row, "reason", "")) for row in rows] == [(2, 'one \ntwo, "three"'), (4, ""), (5, "x")]


@pytest.mark.parametrize(
    "row, code",
    [
        (b",*,manual,,,", "no_address"),
        (b"ann@example,*,manual,,,", "domain_without_dot"),
        (b"<ann@example.net>,*,manual,,,", "local_part"),
        (b"m\xfcller@example.net,*,manual,,,", "not_utf8"),
        (b"ann@m\xfcller.example.net,*,manual,,,", "not_utf8"),
        ("müller@example.net,*,manual,,,".encode(), "local_part_not_ascii"),
        (b"a\0nn@example.net,*,manual,,,", "control_character"),
        (b"a" * 300 + b"@example.net,*,manual,,,", "too_long"),
        (b"#f2ca1bb6c7e907d06dafe4,*,manual,,,", "forgotten"),
        (b"@example,*,manual,,,", "domain_without_dot"),
        (b"ann@example.net,a b,manual,,,", "scope"),
        (b"ann@example.net,shop/,manual,,,", "scope"),
        (b"ann@example.net,*,erased,,,", "origin"),
        (b"ann@example.net,*,manual,,yesterday,", "date"),
        (b"ann@example.net,*,manual,,2026-13-04T00:00:00Z,", "date"),
        (b"ann@example.net,*,manual,,,99999999999999", "date"),
        (b"ann@example.net,*,manual", "cells"),
        (b"ann@example.net,*,manual,,,,,,", "cells"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_alone(row: bytes, code: str) -> None:
    """The refusal has the rule and the line; the other rows are read."""
    first, refused, last = read(
        b"email,scope,origin,reason,created_at,expires_at\na@example.net,,,,,\n" + row + b"\nb@example.net,,,,,\n"
    )
    assert isinstance(refused, Refused)
    assert (refused.line, refused.code) == (3, code)
    assert refused.detail.endswith(".")
    assert b"ann" not in refused.detail.encode()
    assert [row.key for row in (first, last) if isinstance(row, ListRow)] == ["a@example.net", "b@example.net"]


@pytest.mark.parametrize("source", ["[1]", "{", '"x"', "[" * 5000])
def test_evidence_that_is_no_object_is_refused(source: str) -> None:
    """Otherwise it would be shown as evidence for ever."""
    [row] = read(csv_of(("email", "source"), ("ann@example.net", source)))
    assert isinstance(row, Refused)
    assert row.code == "source"


def test_a_reason_in_the_encoding_of_old_spreadsheets_is_read() -> None:
    """Words may be Windows-1252; an address in it is refused, since it could be read in two ways."""
    [row] = read(b"email,reason\nann@example.net,Postfach gel\xf6scht\0\n")
    assert isinstance(row, ListRow)
    assert row.reason == "Postfach gelöscht"


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "Line 1: The file is empty; the first line names the columns."),
        (b"\xff\xfee\0m\0", "Line 1, column 1: The file is UTF-16; save it as UTF-8."),
        (b"email,E-Mail\na@example.net,x\n", "Line 1: The column `email` is named twice; keep one."),
        (b"name,phone\nAnn,1\n", "Line 1: The columns fit no known format"),
        (b"email,scopee\na@example.net,x\n", "Line 1: The columns fit no known format"),
        (b'email,reason\na@example.net,x\n"b@example.net,x\nc@example.net,x\n', "Line 3, column 1: A quote is opened"),
        (b'email,reason\na@example.net,"x"y\n', "Line 2, column 18: A quoted cell goes on after its quote"),
        (b'email,reason\na@example.net,"x\ny"z\n', "Line 3, column 3: A quoted cell goes on after its quote"),
        (b"email\ra@example.net\rb@example.net\r", "Line 1, column 6: A carriage return without a line feed"),
        (b'email\n"' + b"a\n" * 100_000, "Line 2, column 1: A quote is opened"),
        (b"email\n" + b"a" * 100_000, f"Line 2, column {LINE_LIMIT + 1}: A line has at most {LINE_LIMIT} characters."),
        (b'{"items": [{"email": "a@example.net"}', "Line 1: The file ends in the middle of its JSON"),
        (b'{"items": [\n{"email": "a@example.net"},\n{"address: 1}]}', "Line 3: This is no JSON"),
        (b'{"items": [{"email": "a@example.net"}}', "Line 1: This is no JSON"),
        (b'["a@example.net"]', "Line 1: A row is an object with named members"),
        (b'{"a":' + b"[" * 100_000, "Line 1: A row stands in at most 4 lists and objects."),
        (b'[{"address":' + b"[" * 60_000, "Line 1: This is no JSON"),
        (b'[{"address": "' + b"a" * 200_000 + b'"}]', "Line 1: This is no JSON"),
    ],
)
def test_the_error_of_a_broken_file_has_place_and_cause(data: bytes, message: str) -> None:
    """The error has the line, the column if known, and what to do, but never the contents."""
    for size in (3 if len(data) < 1000 else 7_000, 65_536):
        with pytest.raises(UnreadableFile, match=f"^{re.escape(message)}") as caught:
            read(data, size=size)
        assert "example" not in str(caught.value)


def test_rows_before_the_break_are_read() -> None:
    """So they can be imported; the rest follows with the repaired file."""
    rows = iter(ListFile([b'email\na@example.net\n"b@example.net\n'], Reading()))
    first = next(rows)
    assert isinstance(first, ListRow)
    assert first.key == "a@example.net"
    with pytest.raises(UnreadableFile):
        next(rows)


def test_rows_of_json_need_not_all_be_alike() -> None:
    """A row without a required member is refused, like a short row of CSV."""
    rows = read(b'[{"EmailAddress":"a@example.net","Reason":"BOUNCE"},{"EmailAddress":"b@example.net"}]')
    assert [getattr(row, "code", "") for row in rows] == ["", "cells"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_no_cell_of_an_export_is_a_formula(cell: str) -> None:
    """A quote mark precedes text that a spreadsheet would run, and an import removes the mark."""
    entry = exported(email="+ann@example.net", reason=cell)
    cells = cells_of(entry)
    assert not [one for one in cells if one.startswith(("=", "+", "-", "@", "\t", "\r"))]
    [row] = read((header() + written([cells])).encode())
    assert isinstance(row, ListRow)
    assert row.key == "+ann@example.net"
    assert row.reason == (cell.strip().replace("\r", " ").strip() or "Imported from a file.")


def test_a_whole_domain_is_read_with_and_without_its_quote_mark() -> None:
    """With it as an export writes it, without it as a person would."""
    assert keys(b"email\n'@example.net\n@Example.org\n") == ["@example.net", "@example.org"]


text = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=60)


@given(
    local=st.from_regex(r"[a-zA-Z0-9'+=_-]{1,20}", fullmatch=True),
    reason=text.map(str.strip).filter(bool),
    source=st.dictionaries(text, st.one_of(text, st.integers(), st.none(), st.booleans()), max_size=3),
    created=st.datetimes(timezones=st.just(UTC)).filter(lambda moment: moment.year >= 1990),
)
def test_an_export_is_read_back_unchanged(local: str, reason: str, source: dict[str, Any], created: datetime) -> None:
    """Every address, reason, time and piece of evidence, with any characters, survives export and import."""
    entry = exported(email=f"{local}@example.net", reason=reason, source=source, created_at=created)
    [row] = read((header() + written([cells_of(entry)])).encode(), size=5)
    assert row == ListRow(
        line=2,
        key=f"{local.lower()}@example.net",
        scope="shop/news",
        address=f"{local}@example.net",
        origin=Origin.BOUNCE,
        reason=reason,
        dated=created,
        expires_at=None,
        source=source,
    )


def exported(**more: Any) -> Exported:
    entry: dict[str, Any] = {
        "email": "ann@example.net",
        "scope": "shop/news",
        "origin": "bounce",
        "reason": "No such mailbox",
        "created_at": datetime(2026, 3, 4, tzinfo=UTC),
        "expires_at": None,
        "source": {},
    }
    return Exported(**entry | more)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    """Any bytes give rows, refusals, or an error for a broken file."""
    for beginning in (b"email,reason\n", b"", b'[{"address":"a@example.net"},', b"["):
        try:
            rows = read(beginning + data, size=16)
        except UnreadableFile as error:
            message = str(error)
        else:
            message = "Line" if all(isinstance(row, ListRow | Refused) for row in rows) else ""
        assert message.startswith("Line")
