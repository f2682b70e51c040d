"""The lists of other vendors: each file of the corpus becomes the intended entries."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.suppression.files.file_text import UnreadableFile
from app.domain.suppression.files.formats import ListFile, Reading
from app.domain.suppression.files.rows import ListRow, Refused
from app.domain.suppression.files.vendor_rows import FileFormat, VendorList
from app.domain.suppression.rules import Origin
from tests.support.suppression.list_files import CORPUS, read

THEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
A_BOUNCE = ("gone.kim@example.net", Origin.BOUNCE)
A_COMPLAINT = ("angry@example.net", Origin.COMPLAINT)
UNSUBSCRIBED = ("enough@example.net", Origin.UNSUBSCRIBE)

FILES: dict[str, tuple[FileFormat, dict[str, Any], list[Any]]] = {
    "ses-list.json": (FileFormat.SES, {}, [A_BOUNCE, A_COMPLAINT]),
    "ses-import-job.json": (FileFormat.SES, {}, [A_BOUNCE, A_COMPLAINT]),
    "ses-import-job.csv": (FileFormat.SES, {}, [A_BOUNCE, A_COMPLAINT]),
    "sendgrid-bounces.csv": (
        FileFormat.SENDGRID,
        {"list_kind": VendorList.BOUNCES},
        [A_BOUNCE, ("lee@example.net", Origin.BOUNCE)],
    ),
    "sendgrid-blocks.csv": (FileFormat.SENDGRID, {"list_kind": VendorList.BLOCKS}, ["a_block"]),
    "sendgrid-spam-reports.csv": (FileFormat.SENDGRID, {}, [A_COMPLAINT]),
    "sendgrid-unsubscribes.json": (
        FileFormat.SENDGRID,
        {"list_kind": VendorList.UNSUBSCRIBES},
        [UNSUBSCRIBED, ("enough.too@example.net", Origin.UNSUBSCRIBE)],
    ),
    "mailgun-bounces.csv": (FileFormat.MAILGUN, {}, [A_BOUNCE]),
    "mailgun-bounces.json": (FileFormat.MAILGUN, {}, [A_BOUNCE]),
    "mailgun-complaints.csv": (FileFormat.MAILGUN, {}, [A_COMPLAINT]),
    "mailgun-unsubscribes.json": (
        FileFormat.MAILGUN,
        {},
        [UNSUBSCRIBED, ("undated@example.net", Origin.UNSUBSCRIBE), "some_mail_only"],
    ),
    "postmark-dump.json": (
        FileFormat.POSTMARK,
        {},
        [A_BOUNCE, A_COMPLAINT, UNSUBSCRIBED, ("by.hand@example.net", Origin.MANUAL)],
    ),
    "ours.csv": (
        FileFormat.OURS,
        {},
        [A_BOUNCE, ("@example.net", Origin.MANUAL), ("+tagged@example.net", Origin.UNSUBSCRIBE)],
    ),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_a_file_of_the_corpus_is_known_and_read(name: str, size: int) -> None:
    """The columns identify it, whatever the sizes of its pieces; a refused row says why."""
    file_format, how, expected = FILES[name]
    data = (CORPUS / name).read_bytes()
    file = ListFile((data[at : at + size] for at in range(0, len(data), size)), Reading(**how))
    rows = list(file)
    assert file.format == file_format
    assert [_short(row) for row in rows] == expected


def _short(row: ListRow | Refused) -> Any:
    return row.code if isinstance(row, Refused) else (row.key, row.origin)


def test_the_corpus_is_read_whole() -> None:
    """Every file of the corpus has an expectation."""
    assert {file.name for file in CORPUS.iterdir()} - {"README.md"} == FILES.keys()


@pytest.mark.parametrize("name", sorted(set(FILES) - {"ses-import-job.json", "ses-import-job.csv"}))
def test_every_vendor_dates_its_rows(name: str) -> None:
    """Seconds, RFC 2822 and RFC 3339, with or without a time zone, all give the same instant."""
    _, how, _ = FILES[name]
    first = read((CORPUS / name).read_bytes(), **how)[0]
    if isinstance(first, ListRow):
        assert first.dated is not None
        assert abs((first.dated - THEN).total_seconds()) < 1


def test_a_date_that_means_nothing_is_none() -> None:
    """Mailgun writes the year 1 where it has no time."""
    undated = read((CORPUS / "mailgun-unsubscribes.json").read_bytes())[1]
    assert isinstance(undated, ListRow)
    assert undated.dated is None


def test_the_answer_of_the_remote_server_is_the_reason() -> None:
    """The reason keeps its commas and quotes; where a vendor has none, it says where the row came from."""
    first, second = read((CORPUS / "sendgrid-bounces.csv").read_bytes(), list_kind=VendorList.BOUNCES)
    assert isinstance(first, ListRow)
    assert isinstance(second, ListRow)
    assert first.reason == "550 5.1.1 The email account that you tried to reach does not exist, sorry"
    assert second.reason == '550 "no such user"\nsee https://example.net/bounces'
    spam = read((CORPUS / "sendgrid-spam-reports.csv").read_bytes())[0]
    assert isinstance(spam, ListRow)
    assert spam.reason == "Imported from the complaint list of SendGrid."
    assert spam.source == {"vendor": "sendgrid"}


@pytest.mark.parametrize("name", ["sendgrid-bounces.csv", "sendgrid-unsubscribes.json"])
def test_sendgrid_s_lists_of_the_same_columns_have_to_be_named(name: str) -> None:
    """Bounces look like blocks, and spam reports like unsubscribes, so a guess would be wrong for some people."""
    with pytest.raises(UnreadableFile, match="Name the list with `list`: bounces, blocks, complaints or unsubscribes"):
        read((CORPUS / name).read_bytes())


def test_unsubscribes_of_one_tag_get_the_chosen_scope() -> None:
    """With a scope the address is suppressed in that stream; without one the row is refused."""
    rows = read((CORPUS / "mailgun-unsubscribes.json").read_bytes(), scope="shop/news")
    assert [(row.key, row.scope) for row in rows if isinstance(row, ListRow)] == [
        ("enough@example.net", "shop/news"),
        ("undated@example.net", "shop/news"),
        ("picky@example.net", "shop/news"),
    ]


def test_a_reason_that_a_vendor_does_not_have_is_refused() -> None:
    """It may be a new kind of entry with an unknown meaning."""
    ses = read(b"a@example.net,BOUNCE\nb@example.net,AUTO_VALIDATION\n")
    postmark = read(b"EmailAddress,SuppressionReason\na@example.net,HardBounce\nb@example.net,Mystery\n")
    for rows in (ses, postmark):
        assert [row.code for row in rows if isinstance(row, Refused)] == ["reason_unknown"]


def test_no_vendor_lists_whole_domains() -> None:
    """A cell with only a domain is a broken address in such a file, not a whole domain."""
    [row] = read(b"@example.net,BOUNCE\n")
    assert isinstance(row, Refused)
    assert row.code == "no_address"


@pytest.mark.parametrize(
    "wanted, columns", [(FileFormat.POSTMARK, "emailaddress, suppressionreason"), (FileFormat.OURS, "email, scope")]
)
def test_a_file_of_another_format_than_the_chosen_one_is_refused(wanted: FileFormat, columns: str) -> None:
    """The error names the columns of the chosen format."""
    with pytest.raises(UnreadableFile, match=f"Line 1: A file of the format {wanted.value} has the columns {columns}"):
        read((CORPUS / "mailgun-bounces.csv").read_bytes(), format=wanted)


@pytest.mark.parametrize(
    "data",
    [
        b"address\nkim@example.net\n",
        b"Address\r\nkim@example.net\r\n",
        b'[{"address": "kim@example.net"}]',
        b"address,name,city\nkim@example.net,Kim,Oslo\n",
        b"address,name,created_at\nkim@example.net,Kim,2026-01-01\n",
    ],
    ids=["one-column", "capital", "json", "a-crm", "a-crm-with-times"],
)
def test_addresses_are_not_taken_for_complaints(data: bytes) -> None:
    """Many tools use that column name, and a complaint needs force to remove: the error says how to name the format."""
    with pytest.raises(UnreadableFile, match=r"Line 1: .*(Call it `email`|fit no known format)"):
        read(data)
    with pytest.raises(UnreadableFile, match="Name the list with `list`"):
        read(data, format=FileFormat.MAILGUN)
    for kind, origin in ((VendorList.COMPLAINTS, Origin.COMPLAINT), (VendorList.BOUNCES, Origin.BOUNCE)):
        [row] = read(data, format=FileFormat.MAILGUN, list_kind=kind)
        assert isinstance(row, ListRow)
        assert (row.key, row.origin) == ("kim@example.net", origin)
