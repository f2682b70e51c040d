"""Lists as people have them: exports of marketing tools, spreadsheets, the AWS command line, addresses alone."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.suppression.files.file_text import UnreadableFile
from app.domain.suppression.files.formats import ListFile, Reading
from app.domain.suppression.files.rows import BadRow, ListRow, Refused, moment_of
from app.domain.suppression.files.vendor_rows import FileFormat, VendorList
from app.domain.suppression.rules import Origin

THEN = datetime(2026, 2, 1, 10, tzinfo=UTC)
UNSUB, BOUNCE, COMPLAINT, MANUAL = Origin.UNSUBSCRIBE, Origin.BOUNCE, Origin.COMPLAINT, Origin.MANUAL
KIM, LEE = "kim@example.net", "lee@example.org"


def read(text: str | bytes, **how: Any) -> tuple[FileFormat, list[tuple[Any, ...]]]:
    """The format of a file, and for each row its address, origin and time, or the rule that it breaks."""
    data = text.encode() if isinstance(text, str) else text
    file = ListFile([data], Reading(**how))
    rows = [(one.code,) if isinstance(one, Refused) else (one.address, one.origin, one.dated) for one in file]
    return file.format, rows


MAILCHIMP = (
    "Email Address,First Name,UNSUB_TIME,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_CAMPAIGN_ID,UNSUB_REASON,LEID,EUID\n"
    f"{KIM},Kim,2026-02-01 10:00:00,c1,Too often,c1,N/A,1,e\n"
)
CLEANED = (
    f'"Email Address",Name,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,LEID,EUID,NOTES\n{KIM},Kim,2026-02-01 10:00:00,March,1,e,\n'
)
SPARKPOST = (
    f"recipient,type,source,description,created\n{KIM},transactional,Bounce Rule,550,2026-02-01T10:00:00Z\n"
    f"{LEE},non_transactional,Spam Complaint,,2026-02-01T10:00:00Z\nx@example.net,transactional,Magic,,\n"
)
SPARKPOST_API = (
    '{"results":[{"recipient":"kim@example.net","type":"non_transactional","source":"List Unsubscribe",'
    '"created":"2026-02-01T10:00:00+00:00"}],"links":[],"total_count":1}'
)
BREVO = (
    '{"contacts":[{"email":"kim@example.net","senderEmail":"a@example.com","blockedAt":"2026-02-01T10:00:00Z",'
    '"reason":{"code":"hardBounce","message":"gone"}},{"email":"lee@example.org","blockedAt":'
    '"2026-02-01T10:00:00Z","reason":{"code":"unsubscribedViaEmail","message":""}}],"count":2}'
)
MAILJET = (
    f"Email,IsExcludedFromCampaigns,ExclusionFromCampaignsUpdatedAt\n{KIM},true,2026-02-01T10:00:00Z\n{LEE},false,\n"
)
GROUP = f"email,group_id,group_name,created_at\n{KIM},7,News,2026-02-01 10:00:00\n"
ENTRY = '{"EmailAddress":"kim@example.net","Reason":"BOUNCE"}'
WESTERN = b"email,reason\nkim@example.net,gel\xf6scht\n"
OF_SENDGRID = {"format": FileFormat.SENDGRID, "list_kind": VendorList.BOUNCES}
BOUNCES, UNSUBSCRIBES = {"list_kind": VendorList.BOUNCES}, {"list_kind": VendorList.UNSUBSCRIBES}


@pytest.mark.parametrize(
    "text, how, format_, rows",
    [
        (MAILCHIMP, {}, "mailchimp", [(KIM, UNSUB, THEN)]),
        (CLEANED, {}, "mailchimp", [(KIM, BOUNCE, THEN)]),
        (SPARKPOST, {}, "sparkpost", [(KIM, BOUNCE, THEN), (LEE, COMPLAINT, THEN), ("reason_unknown",)]),
        (SPARKPOST_API, {}, "sparkpost", [(KIM, UNSUB, THEN)]),
        (BREVO, {}, "brevo", [(KIM, BOUNCE, THEN), (LEE, UNSUB, THEN)]),
        (MAILJET, {}, "mailjet", [(KIM, UNSUB, THEN), ("not_excluded",)]),
        (GROUP, {}, "sendgrid", [("some_mail_only",)]),
        (GROUP, {"scope": "invites/news"}, "sendgrid", [(KIM, UNSUB, THEN)]),
        (f"email,reason\n{KIM},550\n", OF_SENDGRID, "sendgrid", [(KIM, BOUNCE, None)]),
        (f"{KIM}, BOUNCE\n{LEE}, complaint\n", {}, "ses", [(KIM, BOUNCE, None), (LEE, COMPLAINT, None)]),
        (f"{KIM}\n{LEE}\n", BOUNCES, "ours", [(KIM, BOUNCE, None), (LEE, BOUNCE, None)]),
        (f"{KIM}\n", UNSUBSCRIBES, "ours", [(KIM, UNSUB, None)]),
        (f"email\n{KIM}\n", {}, "ours", [(KIM, MANUAL, None)]),
        (f"sep=;\nemail;created_at\n{KIM};01.02.2026 10:00\n", {}, "ours", [(KIM, MANUAL, THEN)]),
        (f'"sep=,"\r\nemail\r\n{KIM}\r\n\r\n\r\n', {}, "ours", [(KIM, MANUAL, None)]),
        (f"\ufeffE-Mail;Reason\n{KIM};über\n", {}, "ours", [(KIM, MANUAL, None)]),
        (WESTERN, {}, "ours", [(KIM, MANUAL, None)]),
    ],
)
def test_a_list_becomes_the_entries_that_it_means(
    text: str | bytes, how: dict[str, Any], format_: str, rows: list[tuple[Any, ...]]
) -> None:
    """Unsubscribed is never a bounce, and a bounce never a complaint."""
    assert read(text, **how) == (FileFormat(format_), rows)


@pytest.mark.parametrize(
    "text, words",
    [
        (f"SUPPRESSEDDESTINATIONSUMMARIES\t{KIM}\t2026-01-10T21:03:05+00:00\tBOUNCE\n", "--output json"),
        (f"{KIM}\n{LEE}\n", "Put `email` on the first line"),
        (f"address\n{KIM}\n", "A column `address` alone fits many lists"),
        (f"email,E-Mail\n{KIM},{LEE}\n", "The column `email` is named twice"),
        ("Email Address,LEID,EUID\nkim@example.net,1,e\n", "export the unsubscribed or the cleaned ones"),
        ("Mail,Why\nkim@example.net,x\n", "Keep the address, the reason and the time"),
    ],
)
def test_a_list_that_could_mean_anything_is_refused_with_what_to_do(text: str, words: str) -> None:
    """Nothing is imported on a guess."""
    with pytest.raises(UnreadableFile) as refused:
        read(text)
    assert words in str(refused.value)


def test_an_incomplete_answer_of_ses_says_so_after_its_rows() -> None:
    """What the file has is read; the error names how to fetch the rest."""
    page = f'{{"SuppressedDestinationSummaries":[{ENTRY}],"NextToken":"AAMA"}}'
    rows = iter(ListFile([page.encode()], Reading()))
    first = next(rows)
    assert isinstance(first, ListRow)
    assert first.address == KIM
    with pytest.raises(UnreadableFile, match="goes on after this file"):
        next(rows)


@pytest.mark.parametrize("last", ["null", '""'])
def test_the_last_page_of_ses_is_complete(last: str) -> None:
    """A token without a value is none."""
    page = f'{{"NextToken":{last},"SuppressedDestinationSummaries":[{ENTRY}]}}'
    assert read(page)[1] == [(KIM, BOUNCE, None)]


@pytest.mark.parametrize(
    "cell",
    ["01.02.2026 10:00", "1.2.2026, 10:00:00", "46054.4166666667", "2026-02-01 10:00:00", "2026-02-01T10:00:00Z"],
)
def test_dates_of_spreadsheets_are_read(cell: str) -> None:
    """As German and as bare numbers, and as they should be."""
    found = moment_of(cell)
    assert found is not None
    assert abs((found - THEN).total_seconds()) < 1


@pytest.mark.parametrize("cell, day", [("2/28/2026", 28), ("28/2/2026", 28), ("3/3/2026", 3)])
def test_a_date_with_slashes_is_read_where_it_has_one_meaning(cell: str, day: int) -> None:
    """A number above twelve is the day."""
    found = moment_of(cell)
    assert found is not None
    assert found.day == day


def test_a_date_that_could_be_two_days_is_refused() -> None:
    """The second of January, or the first of February."""
    with pytest.raises(BadRow) as refused:
        moment_of("1/2/2026")
    assert refused.value.rule.value == "day_or_month"
