"""The DNS records of a sending domain, and how a zone file spells them. It does no I/O.

https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-easy-setup-domain.html
https://docs.aws.amazon.com/ses/latest/dg/mail-from.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.account.published import DnsSilent, Records, dmarc_policies, leads_to, names_ses, takes_bounces

DKIM_HOST: Final = "dkim.amazonses.com"
"""Where SES publishes the keys, unless it names another zone for an identity."""
_DOMAIN_OF_SES: Final = "amazonses.com"
_MX_PREFERENCE: Final = 10
_DMARC_LABEL: Final = "_dmarc"


class RecordType(StrEnum):
    """A type of DNS record."""

    CNAME = "CNAME"
    MX = "MX"
    TXT = "TXT"


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """One record: `value` is the text of a TXT without quotes, the target of a CNAME, preference and host of an MX."""

    name: str
    type: RecordType
    value: str

    @property
    def line(self) -> str:
        """The record as a line of a zone file (RFC 1035, section 5)."""
        match self.type:
            case RecordType.TXT:
                value = f'"{self.value}"'
            case RecordType.CNAME | RecordType.MX:
                value = f"{self.value}."
        return f"{self.name}. 300 IN {self.type} {value}"


class Standing(StrEnum):
    """What the DNS says of a record."""

    PUBLISHED = "published"
    MISSING = "missing"
    NOT_ASKED = "not asked"


def standing(record: DnsRecord, records: Records | None) -> Standing:
    """Whether the DNS has the record. What counts is what `doctor` takes as right, too."""
    if records is None:
        return Standing.NOT_ASKED
    try:
        return Standing.PUBLISHED if _is_published(record, records) else Standing.MISSING
    except DnsSilent:
        return Standing.NOT_ASKED


def _is_published(record: DnsRecord, records: Records) -> bool:
    first, _, rest = record.name.partition(".")
    match record.type:
        case RecordType.CNAME:
            return leads_to(first, records.cname(record.name))
        case RecordType.MX:
            return takes_bounces(records.mx(record.name))
        case RecordType.TXT if first == _DMARC_LABEL:
            return len(dmarc_policies(rest, records)) == 1
        case RecordType.TXT:
            return names_ses(records.txt(record.name))


def records_of(
    domain: str, *, region: str, tokens: Sequence[str], hosted_zone: str = "", mail_from: str = ""
) -> tuple[DnsRecord, ...]:
    """The records to publish: DKIM's, those of the MAIL FROM domain, and a DMARC policy that only watches.

    `hosted_zone` is where SES keeps the keys of this identity, empty where it does not say.
    """
    zone = hosted_zone.rstrip(".") or DKIM_HOST
    dkim = [DnsRecord(f"{token}._domainkey.{domain}", RecordType.CNAME, f"{token}.{zone}") for token in tokens]
    bounces = []
    if mail_from:
        host = f"feedback-smtp.{region}.{_DOMAIN_OF_SES}"
        bounces = [
            DnsRecord(mail_from, RecordType.MX, f"{_MX_PREFERENCE} {host}"),
            DnsRecord(mail_from, RecordType.TXT, f"v=spf1 include:{_DOMAIN_OF_SES} ~all"),
        ]
    return (*dkim, *bounces, DnsRecord(f"{_DMARC_LABEL}.{domain}", RecordType.TXT, "v=DMARC1; p=none"))
