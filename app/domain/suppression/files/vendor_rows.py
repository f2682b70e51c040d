"""What the files of all vendors share: whose they are, which list they hold, and how one row of them reads here."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from app.domain.suppression.files.rows import BadRow, ListRow, RowRule, moment_of, name_of, reason_in
from app.domain.suppression.rules import EVERY_EMAIL, Origin

Record = Mapping[str, str]
Parse = Callable[[int, Record], ListRow]


class FileFormat(StrEnum):
    """The vendor of a file; `auto` recognises it by its columns."""

    AUTO = "auto"
    OURS = "ours"
    SES = "ses"
    SENDGRID = "sendgrid"
    MAILGUN = "mailgun"
    POSTMARK = "postmark"
    MAILCHIMP = "mailchimp"
    SPARKPOST = "sparkpost"
    BREVO = "brevo"
    MAILJET = "mailjet"


class VendorList(StrEnum):
    """The list of a vendor that a file holds."""

    BOUNCES = "bounces"
    COMPLAINTS = "complaints"
    UNSUBSCRIBES = "unsubscribes"
    BLOCKS = "blocks"


ORIGIN_OF = {
    VendorList.BOUNCES: Origin.BOUNCE,
    VendorList.COMPLAINTS: Origin.COMPLAINT,
    VendorList.UNSUBSCRIBES: Origin.UNSUBSCRIBE,
}
"""The origin of the entries of a list. Blocks have none: they are about one message or its sender."""

_SPELLED = {
    FileFormat.SES: "Amazon SES",
    FileFormat.SENDGRID: "SendGrid",
    FileFormat.MAILGUN: "Mailgun",
    FileFormat.POSTMARK: "Postmark",
    FileFormat.MAILCHIMP: "Mailchimp",
    FileFormat.SPARKPOST: "SparkPost",
    FileFormat.BREVO: "Brevo",
    FileFormat.MAILJET: "Mailjet",
}


def vendor_row(
    line: int, email: str, *, scope: str | None, origin: Origin, reason: str, dated: str, vendor: FileFormat
) -> ListRow:
    """A row of a vendor's file. Raises `BadRow`."""
    key, address = name_of(email)
    if key.startswith("@"):
        raise BadRow(RowRule.NO_ADDRESS)
    return ListRow(
        line=line,
        key=key,
        address=address,
        scope=scope or EVERY_EMAIL,
        origin=origin,
        reason=reason_in(reason, otherwise=f"Imported from the {origin} list of {_SPELLED[vendor]}."),
        dated=moment_of(dated),
        source={"vendor": vendor.value},
    )
