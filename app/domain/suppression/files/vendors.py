"""The suppression lists of other vendors: which columns tell a file apart, and what their rows mean here.

It decides the origin, the time and the scope of each row. Names of columns are compared without case, spaces, hyphens
and underscores. Where the columns cannot tell which list of a vendor a file is, somebody has to say it.

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

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Final

from app.domain.file_text import UnreadableFile
from app.domain.list_rows import BadRow, ListRow, RowRule, moment_of, name_of, reason_in
from app.domain.suppression import EVERY_MAIL, Origin

Record = Mapping[str, str]


class FileFormat(StrEnum):
    """Whose file it is; `auto` lets its columns tell."""

    AUTO = "auto"
    OURS = "ours"
    SES = "ses"
    SENDGRID = "sendgrid"
    MAILGUN = "mailgun"
    POSTMARK = "postmark"


class VendorList(StrEnum):
    """Which of a vendor's lists a file is."""

    BOUNCES = "bounces"
    COMPLAINTS = "complaints"
    UNSUBSCRIBES = "unsubscribes"
    BLOCKS = "blocks"


Parse = Callable[[int, Record], ListRow]

NEEDED: Final = {
    FileFormat.POSTMARK: {"emailaddress", "suppressionreason"},
    FileFormat.SES: {"emailaddress", "reason"},
    FileFormat.MAILGUN: {"address"},
    FileFormat.SENDGRID: {"email", "created"},
    FileFormat.OURS: {"email"},
}
"""The columns that a file of each format has, the most telling first."""

_ORIGINS = {
    VendorList.BOUNCES: Origin.BOUNCE,
    VendorList.COMPLAINTS: Origin.COMPLAINT,
    VendorList.UNSUBSCRIBES: Origin.UNSUBSCRIBE,
}
_OF_SES = {"BOUNCE": Origin.BOUNCE, "COMPLAINT": Origin.COMPLAINT}
_OF_POSTMARK = {"hardbounce": Origin.BOUNCE, "spamcomplaint": Origin.COMPLAINT, "manualsuppression": Origin.MANUAL}
_EVERY_TAG = frozenset({"", "*"})
_UNKNOWN = (
    "The columns are of no known format: email,scope,origin,reason,created_at,expires_at,source of ours "
    "(email alone will do), or those of SES, SendGrid, Mailgun or Postmark."
)
_WHICH = "The columns do not tell which list this is: say with `list` bounces, blocks, complaints or unsubscribes."


def layout_of(names: Collection[str], wanted: FileFormat, *, ours: Sequence[str], line: int) -> FileFormat:
    """The format of a file whose rows have these names. Raises `UnreadableFile` when it is not the one wanted."""
    known = {name.replace("_", "") for name in ours}
    for candidate, needed in NEEDED.items():
        fits = needed <= set(names) and (candidate is not FileFormat.OURS or set(names) <= known)
        if fits and wanted in {FileFormat.AUTO, candidate}:
            return candidate
    if wanted is FileFormat.AUTO:
        raise UnreadableFile(_UNKNOWN, line=line)
    columns = ", ".join(ours) if wanted is FileFormat.OURS else ", ".join(sorted(NEEDED[wanted]))
    raise UnreadableFile(f"A file of the format {wanted} has the columns {columns}.", line=line)


def _ses(_names: Collection[str], *, scope: str | None, list_kind: VendorList | None, line: int) -> Parse:  # noqa: ARG001
    def parse(line: int, record: Record) -> ListRow:
        origin = _OF_SES.get(record["reason"].strip().upper())
        if origin is None:
            raise BadRow(RowRule.REASON_UNKNOWN)
        return _row(
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
    if kind is None:
        raise UnreadableFile(_WHICH, line=line)

    def parse(line: int, record: Record) -> ListRow:
        if kind is VendorList.BLOCKS:
            raise BadRow(RowRule.A_BLOCK)
        return _row(
            line,
            record["email"],
            scope=scope,
            origin=_ORIGINS[kind],
            reason=record.get("reason", ""),
            dated=record["created"],
            vendor=FileFormat.SENDGRID,
        )

    return parse


def _sendgrid_list(names: Collection[str]) -> VendorList | None:
    """Spam reports tell where they came from; invalid addresses have a reason without a status, as bounces."""
    if "ip" in names:
        return VendorList.COMPLAINTS
    return VendorList.BOUNCES if "reason" in names and "status" not in names else None


def _mailgun(names: Collection[str], *, scope: str | None, list_kind: VendorList | None, line: int) -> Parse:  # noqa: ARG001
    kind = list_kind or _mailgun_list(names)

    def parse(line: int, record: Record) -> ListRow:
        if kind is VendorList.BLOCKS:
            raise BadRow(RowRule.A_BLOCK)
        tags = {tag.strip() for tag in record.get("tags", record.get("tag", "")).split(",")}
        if scope is None and kind is VendorList.UNSUBSCRIBES and not tags & _EVERY_TAG:
            raise BadRow(RowRule.SOME_MAIL_ONLY)
        return _row(
            line,
            record["address"],
            scope=scope,
            origin=_ORIGINS[kind],
            reason=record.get("error", ""),
            dated=record.get("createdat", ""),
            vendor=FileFormat.MAILGUN,
        )

    return parse


def _mailgun_list(names: Collection[str]) -> VendorList:
    if {"code", "error"} & set(names):
        return VendorList.BOUNCES
    return VendorList.UNSUBSCRIBES if {"tags", "tag"} & set(names) else VendorList.COMPLAINTS


def _postmark(_names: Collection[str], *, scope: str | None, list_kind: VendorList | None, line: int) -> Parse:  # noqa: ARG001
    def parse(line: int, record: Record) -> ListRow:
        origin = _OF_POSTMARK.get(record["suppressionreason"].strip().lower())
        if origin is None:
            raise BadRow(RowRule.REASON_UNKNOWN)
        if origin is Origin.MANUAL and record.get("origin", "").strip().lower() == "recipient":
            origin = Origin.UNSUBSCRIBE
        return _row(
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
    FileFormat.SES: _ses,
    FileFormat.SENDGRID: _sendgrid,
    FileFormat.MAILGUN: _mailgun,
    FileFormat.POSTMARK: _postmark,
}
"""For each vendor, how its rows are read once the first one is known."""


def _row(
    line: int, email: str, *, scope: str | None, origin: Origin, reason: str, dated: str, vendor: FileFormat
) -> ListRow:
    key, address = name_of(email)
    if key.startswith("@"):
        raise BadRow(RowRule.NO_ADDRESS)
    return ListRow(
        line=line,
        key=key,
        address=address,
        scope=scope or EVERY_MAIL,
        origin=origin,
        reason=reason_in(reason, otherwise=f"Imported from the {origin} list of {_SPELLED[vendor]}."),
        dated=moment_of(dated),
        source={"vendor": vendor.value},
    )


_SPELLED = {
    FileFormat.SES: "Amazon SES",
    FileFormat.SENDGRID: "SendGrid",
    FileFormat.MAILGUN: "Mailgun",
    FileFormat.POSTMARK: "Postmark",
}
