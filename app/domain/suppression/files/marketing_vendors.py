"""The suppression lists of Mailchimp, SparkPost, Brevo and Mailjet: what their rows mean here.

- Mailchimp: the exports of its unsubscribed and its cleaned contacts. Subscribed contacts are no suppression list.
  https://mailchimp.com/help/view-export-contacts/ and https://mailchimp.com/help/about-cleaned-contacts/
- SparkPost: its suppression list, as CSV or as JSON of its API.
  https://developers.sparkpost.com/api/suppression-list/
- Brevo: its blocked contacts, as JSON of its API or as CSV of the same members.
  https://developers.brevo.com/reference/gettransacblockedcontacts
- Mailjet: its contacts with their exclusion. https://dev.mailjet.com/email/reference/contacts/contact/
"""

import json
from collections.abc import Collection, Mapping
from typing import Final

from app.domain.suppression.files.file_text import UnreadableFile
from app.domain.suppression.files.rows import BadRow, ListRow, RowRule
from app.domain.suppression.files.vendor_rows import FileFormat, Parse, Record, VendorList, vendor_row
from app.domain.suppression.rules import Origin

NEEDED: Final = {
    FileFormat.MAILCHIMP: {"emailaddress", "leid", "euid"},
    FileFormat.SPARKPOST: {"recipient", "type"},
    FileFormat.BREVO: {"email", "blockedat"},
    FileFormat.MAILJET: {"email", "isexcludedfromcampaigns"},
}
"""The columns that identify each format."""

_SUBSCRIBED = (
    "These contacts are subscribed: export the unsubscribed or the cleaned ones, or name the list with `list`: "
    "bounces or unsubscribes."
)
_OF_SPARKPOST: Final = {
    "bouncerule": Origin.BOUNCE,
    "spamcomplaint": Origin.COMPLAINT,
    "listunsubscribe": Origin.UNSUBSCRIBE,
    "unsubscribelink": Origin.UNSUBSCRIBE,
    "manuallyadded": Origin.MANUAL,
    "compliance": Origin.MANUAL,
}
_OF_BREVO: Final = {
    "hardbounce": Origin.BOUNCE,
    "contactflaggedasspam": Origin.COMPLAINT,
    "unsubscribedviama": Origin.UNSUBSCRIBE,
    "unsubscribedviaemail": Origin.UNSUBSCRIBE,
    "unsubscribedviaapi": Origin.UNSUBSCRIBE,
    "adminblocked": Origin.MANUAL,
}
_YES: Final = frozenset({"true", "1", "yes"})


def _mailchimp(names: Collection[str], *, scope: str | None, list_kind: VendorList | None, line: int) -> Parse:
    cleaned = list_kind is VendorList.BOUNCES or (list_kind is None and "cleantime" in names)
    unsubscribed = list_kind is VendorList.UNSUBSCRIBES or (list_kind is None and "unsubtime" in names)
    if not cleaned and not unsubscribed:
        raise UnreadableFile(_SUBSCRIBED, line=line)

    def parse(line: int, record: Record) -> ListRow:
        return vendor_row(
            line,
            record["emailaddress"],
            scope=scope,
            origin=Origin.BOUNCE if cleaned else Origin.UNSUBSCRIBE,
            reason=record.get("unsubreason", ""),
            dated=record.get("cleantime" if cleaned else "unsubtime", ""),
            vendor=FileFormat.MAILCHIMP,
        )

    return parse


def _sparkpost(_names: Collection[str], *, scope: str | None, list_kind: VendorList | None, line: int) -> Parse:  # noqa: ARG001
    def parse(line: int, record: Record) -> ListRow:
        origin = _OF_SPARKPOST.get(_folded(record.get("source", "")), None if record.get("source") else Origin.MANUAL)
        if origin is None:
            raise BadRow(RowRule.REASON_UNKNOWN)
        return vendor_row(
            line,
            record["recipient"],
            scope=scope,
            origin=origin,
            reason=record.get("description", ""),
            dated=record.get("created", ""),
            vendor=FileFormat.SPARKPOST,
        )

    return parse


def _brevo(_names: Collection[str], *, scope: str | None, list_kind: VendorList | None, line: int) -> Parse:  # noqa: ARG001
    def parse(line: int, record: Record) -> ListRow:
        code, words = _reason(record.get("reason", ""))
        origin = _OF_BREVO.get(_folded(code))
        if origin is None:
            raise BadRow(RowRule.REASON_UNKNOWN)
        return vendor_row(
            line,
            record["email"],
            scope=scope,
            origin=origin,
            reason=words,
            dated=record.get("blockedat", ""),
            vendor=FileFormat.BREVO,
        )

    return parse


def _mailjet(_names: Collection[str], *, scope: str | None, list_kind: VendorList | None, line: int) -> Parse:  # noqa: ARG001
    def parse(line: int, record: Record) -> ListRow:
        if record["isexcludedfromcampaigns"].strip().lower() not in _YES:
            raise BadRow(RowRule.NOT_EXCLUDED)
        return vendor_row(
            line,
            record["email"],
            scope=scope,
            origin=Origin.UNSUBSCRIBE,
            reason="",
            dated=record.get("exclusionfromcampaignsupdatedat", ""),
            vendor=FileFormat.MAILJET,
        )

    return parse


VENDORS: Final = {
    FileFormat.MAILCHIMP: _mailchimp,
    FileFormat.SPARKPOST: _sparkpost,
    FileFormat.BREVO: _brevo,
    FileFormat.MAILJET: _mailjet,
}
"""The reader of each vendor's rows, chosen once the first row is known."""


def _folded(text: str) -> str:
    return text.replace(" ", "").replace("_", "").replace("-", "").lower()


def _reason(cell: str) -> tuple[str, str]:
    """The code and the words of Brevo's reason, which its API gives as an object and a CSV as the code alone."""
    try:
        members = json.loads(cell) if cell.lstrip().startswith("{") else {"code": cell}
    except (ValueError, RecursionError) as error:
        raise BadRow(RowRule.REASON_UNKNOWN) from error
    if not isinstance(members, Mapping):
        raise BadRow(RowRule.REASON_UNKNOWN)
    return str(members.get("code", "")), str(members.get("message", ""))
