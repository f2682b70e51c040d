"""Sending identities, as SES v2 has them.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetEmailIdentity.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from app.aws.setup.configuration_sets import OF_SES
from app.aws.setup.error_codes import is_absent, is_there_already
from app.aws.setup.tags import as_list, tags_in
from app.domain.account.setup.dns_records import DnsRecord, records_of
from app.domain.account.setup.resources import TAG, Found, Place, Resource

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

_MAIL_FROM: Final = frozenset({"MailFromDomain", "BehaviorOnMxFailure"})
_OWN_KEYS: Final = "EXTERNAL"


@dataclass(frozen=True, slots=True)
class Identities:
    """The identities of one place."""

    ses: "SESV2Client"
    place: Place
    service: str = OF_SES

    def find(self, resource: Resource) -> Found | None:
        """The identity with its DKIM, its MAIL FROM domain, and whether SES forwards bounces by email."""
        found = self._described(resource.name)
        if found is None:
            return None
        dkim, mail_from = found.get("DkimAttributes", {}), found.get("MailFromAttributes", {})
        # Who signs with keys of their own (BYODKIM) has no key length that SES could change.
        own_keys = dkim.get("SigningAttributesOrigin") == _OWN_KEYS
        length = resource.properties["NextSigningKeyLength"] if own_keys else dkim.get("NextSigningKeyLength")
        properties = {
            "SigningEnabled": dkim.get("SigningEnabled", False),
            "NextSigningKeyLength": length,
            "MailFromDomain": mail_from.get("MailFromDomain"),
            "BehaviorOnMxFailure": mail_from.get("BehaviorOnMxFailure"),
            "EmailForwardingEnabled": found.get("FeedbackForwardingStatus"),
        }
        return Found(properties=properties, owner=tags_in(found).get(TAG))

    def make(self, resource: Resource, tags: dict[str, str]) -> None:
        """Make the identity with its tags, then what cannot be said while it is made."""
        try:
            self.ses.create_email_identity(
                EmailIdentity=resource.name,
                DkimSigningAttributes={"NextSigningKeyLength": "RSA_2048_BIT"},
                Tags=as_list(tags),
            )
        except ClientError as error:
            if not is_there_already(error):
                raise
        self.change(resource, frozenset(resource.properties) - {"SigningEnabled", "NextSigningKeyLength"})

    def change(self, resource: Resource, names: frozenset[str]) -> None:
        """Set these properties."""
        wanted: Any = resource.properties
        if "NextSigningKeyLength" in names:
            self.ses.put_email_identity_dkim_signing_attributes(
                EmailIdentity=resource.name,
                SigningAttributesOrigin="AWS_SES",
                SigningAttributes={"NextSigningKeyLength": wanted["NextSigningKeyLength"]},
            )
        if "SigningEnabled" in names:
            self.ses.put_email_identity_dkim_attributes(EmailIdentity=resource.name, SigningEnabled=True)
        if names & _MAIL_FROM:
            domain = wanted["MailFromDomain"] if "MailFromDomain" in names else self._mail_from(resource)
            self.ses.put_email_identity_mail_from_attributes(
                EmailIdentity=resource.name, MailFromDomain=domain, BehaviorOnMxFailure=wanted["BehaviorOnMxFailure"]
            )
        if "EmailForwardingEnabled" in names:
            self.ses.put_email_identity_feedback_attributes(EmailIdentity=resource.name, EmailForwardingEnabled=False)

    def tag(self, resource: Resource, tags: dict[str, str]) -> None:
        """Give the identity these tags."""
        self.ses.tag_resource(ResourceArn=self.place.ses_arn("identity", resource.name), Tags=as_list(tags))

    def remove(self, resource: Resource) -> None:
        """Remove the identity."""
        self.ses.delete_email_identity(EmailIdentity=resource.name)

    def dns_records(self, domain: str) -> tuple[DnsRecord, ...]:
        """The records that this identity needs, none while it does not exist."""
        found = self._described(domain)
        if found is None:
            return ()
        dkim = found.get("DkimAttributes", {})
        return records_of(
            domain,
            region=self.place.region,
            tokens=dkim.get("Tokens", []),
            hosted_zone=dkim.get("SigningHostedZone", ""),
            mail_from=found.get("MailFromAttributes", {}).get("MailFromDomain", ""),
        )

    def _mail_from(self, resource: Resource) -> str:
        """The MAIL FROM domain that the identity has, which stays."""
        found = self._described(resource.name) or {}
        return str(found.get("MailFromAttributes", {}).get("MailFromDomain") or resource.properties["MailFromDomain"])

    def _described(self, name: str) -> Any:
        try:
            return self.ses.get_email_identity(EmailIdentity=name)
        except ClientError as error:
            if is_absent(error):
                return None
            raise
