"""The suppression lists of other vendors: the columns that identify a file, and what its rows mean here.

This module decides the origin, the time and the scope of each row. It compares column names without case, spaces,
hyphens and underscores. If the columns fit several lists of a vendor, the caller has to name the list.

- Amazon SES: the answer of ListSuppressedDestinations, and the files of an import job (`address,BOUNCE`, or one object
  a line). https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SuppressedDestinationSummary.html and
  https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
- SendGrid: its bounces, blocks, spam reports and unsubscribes, as CSV of its console or JSON of its API.
  https://www.twilio.com/docs/sendgrid/api-reference/bounces-api/retrieve-all-bounces,
  https://www.twilio.com/docs/sendgrid/ui/sending-email/blocks and
  https://www.twilio.com/docs/sendgrid/api-reference/suppressions-global-suppressions/retrieve-all-global-suppressions
- Mailgun: bounces, complaints and unsubscribes, as the CSV that its import takes or the JSON of its API.
  https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/bounces and its neighbours
- Postmark: the dump of a message stream. https://postmarkapp.com/developer/api/suppressions-api
"""

from collections.abc import Collection, Sequence
from typing import Final

from app.domain.suppression.files import marketing_vendors
from app.domain.suppression.files.file_text import UnreadableFile
from app.domain.suppression.files.rows import BadRow, ListRow, RowRule
from app.domain.suppression.files.vendor_rows import ORIGIN_OF, FileFormat, Parse, Record, VendorList, vendor_row
from app.domain.suppression.rules import Origin

NEEDED: Final = {
    **marketing_vendors.NEEDED,
    FileFormat.POSTMARK: {"emailaddress", "suppressionreason"},
    FileFormat.SES: {"emailaddress", "reason"},
    FileFormat.MAILGUN: {"address"},
    FileFormat.SENDGRID: {"email", "created"},
    FileFormat.OURS: {"email"},
}
"""The columns that identify each format, the most specific first."""

_OF_SES = {"BOUNCE": Origin.BOUNCE, "COMPLAINT": Origin.COMPLAINT}
_OF_POSTMARK = {"hardbounce": Origin.BOUNCE, "spamcomplaint": Origin.COMPLAINT, "manualsuppression": Origin.MANUAL}
_OF_COMPLAINTS = frozenset({"address", "createdat", "count"})
_EVERY_TAG = frozenset({"", "*"})
_UNKNOWN = (
    "The columns fit no known format: email,scope,origin,reason,created_at,expires_at,source of ours "
    "(email alone will do), or those of SES, SendGrid, Mailgun, Postmark, Mailchimp, SparkPost, Brevo or Mailjet. Keep "
    "the address, the reason and the time, and name them so."
)
_ADDRESSES_ALONE = (
    "A column `address` alone fits many lists. Call it `email`, and add a column `origin` if any row is not `manual`; "
    "or name the vendor with `format` and its list with `list`."
)
_WHICH = "The columns fit several lists. Name the list with `list`: bounces, blocks, complaints or unsubscribes."


def layout_of(names: Collection[str], wanted: FileFormat, *, ours: Sequence[str], line: int) -> FileFormat:
    """The format of a file whose rows have these names. Raises `UnreadableFile` if another format was wanted."""
    known = {name.replace("_", "") for name in ours}
    if wanted is FileFormat.SENDGRID and "email" in names:
        return wanted
    for candidate, needed in NEEDED.items():
        fits = needed <= set(names) and (candidate is not FileFormat.OURS or set(names) <= known)
        if candidate is FileFormat.MAILGUN and wanted is FileFormat.AUTO:
            fits = fits and _mailgun_list(names) is not None
        if candidate is FileFormat.SENDGRID:
            fits = fits or {"email", "groupid"} <= set(names)
        if fits and wanted in {FileFormat.AUTO, candidate}:
            return candidate
    if wanted is FileFormat.AUTO:
        raise UnreadableFile(_ADDRESSES_ALONE if set(names) == {"address"} else _UNKNOWN, line=line)
    columns = ", ".join(ours) if wanted is FileFormat.OURS else ", ".join(sorted(NEEDED[wanted]))
    raise UnreadableFile(f"A file of the format {wanted} has the columns {columns}.", line=line)


def _ses(_names: Collection[str], *, scope: str | None, list_kind: VendorList | None, line: int) -> Parse:  # noqa: ARG001
    def parse(line: int, record: Record) -> ListRow:
        origin = _OF_SES.get(record["reason"].strip().upper())
        if origin is None:
            raise BadRow(RowRule.REASON_UNKNOWN)
        return vendor_row(
            line,
            record["emailaddress"],
            scope=scope,
            origin=origin,
            reason=f"On the suppression list of an SES account ({origin}).",
            dated=record.get("lastupdatetime", ""),
            vendor=FileFormat.SES,
        )

    return parse


def _sendgrid(names: Collection[str], *, scope: str | None, list_kind: VendorList | None, line: int) -> Parse:
    kind = list_kind or _sendgrid_list(names)
    of_a_group = "groupid" in names
    if kind is None:
        raise UnreadableFile(_WHICH, line=line)

    def parse(line: int, record: Record) -> ListRow:
        if kind is VendorList.BLOCKS:
            raise BadRow(RowRule.A_BLOCK)
        if of_a_group and scope is None:
            raise BadRow(RowRule.SOME_MAIL_ONLY)
        return vendor_row(
            line,
            record["email"],
            scope=scope,
            origin=ORIGIN_OF[kind],
            reason=record.get("reason", ""),
            dated=record.get("created", record.get("createdat", "")),
            vendor=FileFormat.SENDGRID,
        )

    return parse


def _sendgrid_list(names: Collection[str]) -> VendorList | None:
    """Recognise the list. Spam reports name their source; invalid addresses have a reason without a status: bounces."""
    if "groupid" in names:
        return VendorList.UNSUBSCRIBES
    if "ip" in names:
        return VendorList.COMPLAINTS
    return VendorList.BOUNCES if "reason" in names and "status" not in names else None


def _mailgun(names: Collection[str], *, scope: str | None, list_kind: VendorList | None, line: int) -> Parse:
    kind = list_kind or _mailgun_list(names)
    if kind is None:
        raise UnreadableFile(_WHICH, line=line)

    def parse(line: int, record: Record) -> ListRow:
        if kind is VendorList.BLOCKS:
            raise BadRow(RowRule.A_BLOCK)
        tags = {tag.strip() for tag in record.get("tags", record.get("tag", "")).split(",")}
        if scope is None and kind is VendorList.UNSUBSCRIBES and not tags & _EVERY_TAG:
            raise BadRow(RowRule.SOME_MAIL_ONLY)
        return vendor_row(
            line,
            record["address"],
            scope=scope,
            origin=ORIGIN_OF[kind],
            reason=record.get("error", ""),
            dated=record.get("createdat", ""),
            vendor=FileFormat.MAILGUN,
        )

    return parse


def _mailgun_list(names: Collection[str]) -> VendorList | None:
    """Which of Mailgun's lists has these columns; None if any list of addresses could have them.

    A file counts as complaints only if it has a time, perhaps a count, and nothing else: a complaint is unsuppressed
    only with `force`, so no other list may be taken for complaints.
    """
    if {"code", "error"} & set(names):
        return VendorList.BOUNCES
    if {"tags", "tag"} & set(names):
        return VendorList.UNSUBSCRIBES
    return VendorList.COMPLAINTS if {"address", "createdat"} <= set(names) <= _OF_COMPLAINTS else None


def _postmark(_names: Collection[str], *, scope: str | None, list_kind: VendorList | None, line: int) -> Parse:  # noqa: ARG001
    def parse(line: int, record: Record) -> ListRow:
        origin = _OF_POSTMARK.get(record["suppressionreason"].strip().lower())
        if origin is None:
            raise BadRow(RowRule.REASON_UNKNOWN)
        if origin is Origin.MANUAL and record.get("origin", "").strip().lower() == "recipient":
            origin = Origin.UNSUBSCRIBE
        return vendor_row(
            line,
            record["emailaddress"],
            scope=scope,
            origin=origin,
            reason="",
            dated=record.get("createdat", ""),
            vendor=FileFormat.POSTMARK,
        )

    return parse


VENDORS: Final = {
    **marketing_vendors.VENDORS,
    FileFormat.SES: _ses,
    FileFormat.SENDGRID: _sendgrid,
    FileFormat.MAILGUN: _mailgun,
    FileFormat.POSTMARK: _postmark,
}
"""The reader of each vendor's rows, chosen once the first row is known."""
