"""The domains that applications send from, as SES knows them: verified, signed by DKIM, with a MAIL FROM of their own.

An identity covers the subdomains of its domain
(https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from app.aws.setup.checks.clients import AwsClients
from app.aws.setup.error_codes import is_absent
from app.domain.account.findings import Finding, Group, judged, skipped, unknown, warning, well, wrong
from app.domain.account.published import Identity

if TYPE_CHECKING:
    from mypy_boto3_sesv2.type_defs import GetEmailIdentityResponseTypeDef

_FEWEST_LABELS: Final = 2
_OF_SES: Final = "AWS_SES"


@dataclass(frozen=True, slots=True)
class Checked:
    """The findings about one sender, and its identity if SES has one."""

    findings: tuple[Finding, ...]
    identity: Identity | None


def identity(clients: AwsClients, sender: str) -> Checked:
    """The identity that covers a sender: an address, or a domain written `@domain`."""
    for name in _candidates(sender):
        try:
            answer = clients.ses.get_email_identity(EmailIdentity=name)
        except ClientError as error:
            if is_absent(error):
                continue
            raise
        return Checked(tuple(_findings(name, answer, is_aws=clients.is_aws)), _read(name, answer))
    domain = sender.rpartition("@")[2]
    fix = f"`./postern ses apply --domain {domain}` makes it; then publish its DKIM records"
    return Checked((wrong(Group.IDENTITY, domain, "SES has no such identity", fix),), None)


def verified_domains(clients: AwsClients, *, limit: int) -> tuple[str, ...]:
    """The domains that SES may send from, written `@domain`: for applications that may use every address."""
    found = clients.ses.list_email_identities(PageSize=limit).get("EmailIdentities", ())
    return tuple(
        f"@{one['IdentityName']}" for one in found if one.get("IdentityType") == "DOMAIN" and "IdentityName" in one
    )


def _candidates(sender: str) -> Iterator[str]:
    """The address itself, its domain, and the domains above it."""
    if not sender.startswith("@"):
        yield sender
    labels = sender.rpartition("@")[2].split(".")
    for first in range(max(1, len(labels) - _FEWEST_LABELS + 1)):
        yield ".".join(labels[first:])


def _read(name: str, answer: "GetEmailIdentityResponseTypeDef") -> Identity:
    dkim = answer.get("DkimAttributes", {})
    by_ses = dkim.get("SigningAttributesOrigin", _OF_SES).startswith(_OF_SES)
    return Identity(
        name=name,
        verified=answer.get("VerifiedForSendingStatus", False),
        dkim_tokens=tuple(dkim.get("Tokens", ())) if by_ses else (),
        dkim_zone=dkim.get("SigningHostedZone"),
        mail_from=answer.get("MailFromAttributes", {}).get("MailFromDomain") or None,
    )


def _findings(name: str, answer: "GetEmailIdentityResponseTypeDef", *, is_aws: bool) -> Iterator[Finding]:
    yield judged(
        Group.IDENTITY,
        name,
        ok=answer.get("VerifiedForSendingStatus", False),
        found="verified" if answer.get("VerifiedForSendingStatus") else f"not verified ({_status(answer)})",
        fix=f"publish the DKIM records of {name}; SES verifies it within hours",
    )
    yield _dkim(name, answer)
    if "@" not in name:
        yield _mail_from(name, answer, is_aws=is_aws)


def _status(answer: "GetEmailIdentityResponseTypeDef") -> str:
    return str(answer.get("VerificationStatus", "status not known")).lower().replace("_", " ")


def _dkim(name: str, answer: "GetEmailIdentityResponseTypeDef") -> Finding:
    called = f"DKIM of {name}"
    dkim = answer.get("DkimAttributes", {})
    status = str(dkim.get("Status", "NOT_STARTED"))
    if not dkim.get("SigningEnabled", False):
        fix = "switch DKIM signing on: without it Gmail and Yahoo refuse bulk email"
        return wrong(Group.IDENTITY, called, "emails are not signed", fix)
    if status == "SUCCESS":
        return well(Group.IDENTITY, called)
    if status == "TEMPORARY_FAILURE":
        return unknown(Group.IDENTITY, called, "SES could not look at the records", "it looks again by itself")
    return wrong(Group.IDENTITY, called, status.lower().replace("_", " "), f"publish the three CNAME records of {name}")


def _mail_from(name: str, answer: "GetEmailIdentityResponseTypeDef", *, is_aws: bool) -> Finding:
    called = f"MAIL FROM of {name}"
    found = answer.get("MailFromAttributes", {})
    domain, status = found.get("MailFromDomain"), str(found.get("MailFromDomainStatus", ""))
    if not domain and not is_aws:
        return skipped(Group.IDENTITY, called, "none, by a simulator")
    if not domain:
        fix = f"give {name} a MAIL FROM domain, such as bounce.{name}, so that SPF passes for your own domain"
        return warning(Group.IDENTITY, called, "amazonses.com", fix)
    return judged(
        Group.IDENTITY,
        called,
        ok=status == "SUCCESS",
        found=domain if status == "SUCCESS" else f"{domain}: {status.lower().replace('_', ' ')}",
        fix=f"publish the MX and SPF records of {domain}",
    )
