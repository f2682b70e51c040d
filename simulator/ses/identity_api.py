"""Identities, as SES v2 answers. https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailIdentity.html"""

from dataclasses import dataclass
from typing import Any

from simulator.http.calls import Call, Route
from simulator.http.paging import page
from simulator.http.server import Response, json_response
from simulator.ses.configuration_sets import ConfigurationSets
from simulator.ses.errors import bad_request
from simulator.ses.identities import EASY_DKIM, ON_MX_FAILURE, OWN_KEY, Identities, Identity
from simulator.ses.tag_api import read_tags, tag_list

IDENTITIES = "/v2/email/identities"
IDENTITY = IDENTITIES + "/{EmailIdentity}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityApi:
    """The calls about identities."""

    identities: Identities
    configuration_sets: ConfigurationSets

    def routes(self) -> list[Route]:
        """Return the routes of these calls."""
        return [
            Route("POST", IDENTITIES, "CreateEmailIdentity", self.create),
            Route("POST", "/v2/email/list-identities", "ListEmailIdentities", self.list),
            Route("GET", IDENTITY, "GetEmailIdentity", self.get),
            Route("DELETE", IDENTITY, "DeleteEmailIdentity", self.delete),
            Route("PUT", IDENTITY + "/dkim", "PutEmailIdentityDkimAttributes", self.put_dkim),
            Route("PUT", IDENTITY + "/dkim/signing", "PutEmailIdentityDkimSigningAttributes", self.put_signing),
            Route("PUT", IDENTITY + "/mail-from", "PutEmailIdentityMailFromAttributes", self.put_mail_from),
            Route("PUT", IDENTITY + "/feedback", "PutEmailIdentityFeedbackAttributes", self.put_feedback),
            Route(
                "PUT", IDENTITY + "/configuration-set", "PutEmailIdentityConfigurationSetAttributes", self.put_default
            ),
        ]

    async def create(self, call: Call) -> Response:
        """Add an identity, verified at once unless the control surface says otherwise."""
        content = call.content()
        identity = Identity(
            name=str(content.get("EmailIdentity", "")).lower(), tags=read_tags(content.get("Tags") or [])
        )
        if not identity.name:
            raise bad_request("EmailIdentity is missing.")
        identity.sign_with(content.get("DkimSigningAttributes") or {})
        identity.configuration_set = self._existing_set(content.get("ConfigurationSetName"))
        self.identities.create(identity)
        return json_response(
            {
                "IdentityType": identity.kind,
                "VerifiedForSendingStatus": identity.is_verified,
                "DkimAttributes": identity.dkim(),
            }
        )

    async def get(self, call: Call) -> Response:
        """Return an identity."""
        identity = self._identity(call)
        content: dict[str, Any] = {
            "IdentityType": identity.kind,
            "FeedbackForwardingStatus": identity.forwards_feedback,
            "VerifiedForSendingStatus": identity.is_verified,
            "VerificationStatus": identity.verification.value,
            "DkimAttributes": identity.dkim(),
            "MailFromAttributes": identity.mail_from_attributes(),
            "Policies": {},
            "Tags": tag_list(identity.tags),
        }
        name = identity.configuration_set
        return json_response(content | ({"ConfigurationSetName": name} if name else {}))

    async def list(self, call: Call) -> Response:
        """Return a page of the identities."""
        shown, token = page(self.identities.visible(), call.content())
        identities = [
            {
                "IdentityName": identity.name,
                "IdentityType": identity.kind,
                "SendingEnabled": identity.is_verified,
                "VerificationStatus": identity.verification.value,
            }
            for identity in shown
        ]
        return json_response({"EmailIdentities": identities} | token)

    async def delete(self, call: Call) -> Response:
        """Remove an identity."""
        self.identities.delete(call.parameters["EmailIdentity"])
        return json_response({})

    async def put_dkim(self, call: Call) -> Response:
        """Sign the emails of the identity, or do not."""
        self._identity(call).signs = bool(call.content().get("SigningEnabled", False))
        return json_response({})

    async def put_signing(self, call: Call) -> Response:
        """Change the keys by which emails are signed, and return what the DNS records are named by."""
        identity, content = self._identity(call), call.content()
        origin, given = content.get("SigningAttributesOrigin"), content.get("SigningAttributes") or {}
        if origin not in (EASY_DKIM, OWN_KEY):
            raise bad_request(f"the simulator signs by {EASY_DKIM} and {OWN_KEY} only")
        if not identity.is_domain:
            raise bad_request(f"DKIM of {identity.name} is that of its domain.")
        if (origin == OWN_KEY) != ("DomainSigningSelector" in given):
            raise bad_request(f"DomainSigningSelector and DomainSigningPrivateKey are for {OWN_KEY} only.")
        identity.sign_with(given)
        shown = {"DkimStatus": identity.dkim_status, "DkimTokens": identity.tokens()}
        return json_response(shown)

    async def put_mail_from(self, call: Call) -> Response:
        """Change the MAIL FROM domain; without one, that of SES is used again."""
        identity, content = self._identity(call), call.content()
        domain, behaviour = content.get("MailFromDomain"), content.get("BehaviorOnMxFailure") or ON_MX_FAILURE[0]
        own = identity.name.rpartition("@")[2]
        if domain and not str(domain).lower().endswith("." + own):
            message = f"Provided MAIL-FROM domain <{domain}> is not subdomain of the domain of the identity <{own}>."
            raise bad_request(message)
        if behaviour not in ON_MX_FAILURE:
            raise bad_request(f"BehaviorOnMxFailure must be one of {', '.join(ON_MX_FAILURE)}.")
        identity.mail_from = str(domain).lower() if domain else None
        identity.on_mx_failure = str(behaviour)
        return json_response({})

    async def put_feedback(self, call: Call) -> Response:
        """Forward bounces and complaints by email, or do not."""
        self._identity(call).forwards_feedback = bool(call.content().get("EmailForwardingEnabled", False))
        return json_response({})

    async def put_default(self, call: Call) -> Response:
        """Change the configuration set of emails that name none; without one, there is none."""
        self._identity(call).configuration_set = self._existing_set(call.content().get("ConfigurationSetName"))
        return json_response({})

    def _identity(self, call: Call) -> Identity:
        return self.identities.get(call.parameters["EmailIdentity"])

    def _existing_set(self, name: str | None) -> str | None:
        return self.configuration_sets.get(name).name if name else None
