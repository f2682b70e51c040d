"""Identities: what may send, with which DKIM keys, MAIL FROM domain and default configuration set."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from simulator.control.consistency import Consistency
from simulator.ses.errors import already_exists, bad_request, not_found

EASY_DKIM, OWN_KEY = "AWS_SES", "EXTERNAL"
KEY_LENGTHS = ("RSA_1024_BIT", "RSA_2048_BIT")
ON_MX_FAILURE = ("USE_DEFAULT_VALUE", "REJECT_MESSAGE")
DKIM_ZONE = "dkim.amazonses.com"

_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


class Verification(StrEnum):
    """Whether SES found what proves an identity to be the caller's."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@dataclass(slots=True, kw_only=True)
class Identity:
    """A domain or an address, lower-cased; DKIM and MAIL FROM share its verification, unless they have their own."""

    name: str
    verification: Verification = Verification.SUCCESS
    dkim_verification: Verification | None = None
    mail_from_verification: Verification | None = None
    configuration_set: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    forwards_feedback: bool = True
    signs: bool = True
    key_length: str = "RSA_2048_BIT"
    own_selector: str | None = None
    mail_from: str | None = None
    on_mx_failure: str = ON_MX_FAILURE[0]

    @property
    def is_domain(self) -> bool:
        """Return whether it is a domain, not one address."""
        return "@" not in self.name

    @property
    def kind(self) -> str:
        """Return its type in SES's words."""
        return "DOMAIN" if self.is_domain else "EMAIL_ADDRESS"

    @property
    def is_verified(self) -> bool:
        """Return whether it may send."""
        return self.verification is Verification.SUCCESS

    @property
    def dkim_status(self) -> str:
        """Return whether SES found the records of its keys."""
        return (self.dkim_verification or self.verification).value

    def tokens(self) -> list[str]:
        """Return what its DNS records are named by: three tokens, always the same ones, or its own selector."""
        if not self.is_domain:
            return []
        if self.own_selector is not None:
            return [self.own_selector]
        return [hashlib.sha256(f"{number} {self.name}".encode()).hexdigest()[:32] for number in range(3)]

    def dkim(self) -> dict[str, Any]:
        """Return the attributes as SES shows them."""
        if not self.is_domain:
            return {"SigningEnabled": False, "Status": "NOT_STARTED", "SigningAttributesOrigin": EASY_DKIM}
        shown: dict[str, Any] = {
            "SigningEnabled": self.signs,
            "Status": self.dkim_status,
            "Tokens": self.tokens(),
            "SigningAttributesOrigin": EASY_DKIM if self.own_selector is None else OWN_KEY,
        }
        if self.own_selector is None:
            shown |= {"CurrentSigningKeyLength": self.key_length, "NextSigningKeyLength": self.key_length}
            shown |= {"SigningHostedZone": DKIM_ZONE}
        return shown

    def mail_from_attributes(self) -> dict[str, str]:
        """Return the attributes as SES shows them."""
        shown = {"BehaviorOnMxFailure": self.on_mx_failure}
        if self.mail_from is None:
            return shown
        status = self.mail_from_verification or self.verification
        return shown | {"MailFromDomain": self.mail_from, "MailFromDomainStatus": status.value}

    def sign_with(self, given: Mapping[str, Any]) -> None:
        """Change how it is signed for: by keys of SES, of a length, or by a key of the caller's. Raises SesError."""
        if "DomainSigningSelector" in given or "DomainSigningPrivateKey" in given:
            if not (given.get("DomainSigningSelector") and given.get("DomainSigningPrivateKey")):
                raise bad_request("DomainSigningSelector and DomainSigningPrivateKey must both be given.")
            self.own_selector = str(given["DomainSigningSelector"])
            return
        self.own_selector = None
        length = given.get("NextSigningKeyLength", self.key_length)
        if length not in KEY_LENGTHS:
            raise bad_request(f"NextSigningKeyLength must be one of {', '.join(KEY_LENGTHS)}.")
        self.key_length = str(length)


class Identities:
    """All identities of the account; `new_ones` is how far the verification of the next ones gets."""

    def __init__(self, consistency: Consistency) -> None:
        self._consistency = consistency
        self._identities: dict[str, Identity] = {}
        self.new_ones = Verification.SUCCESS

    def __bool__(self) -> bool:
        return bool(self._identities)

    def create(self, identity: Identity) -> Identity:
        """Add an identity, verified as far as new ones are. Raises SesError."""
        if identity.is_domain and not _DOMAIN.fullmatch(identity.name):
            raise bad_request(f"Invalid domain name {identity.name}.")
        if identity.name in self._identities:
            raise already_exists(f"Email identity {identity.name} already exist.")
        identity.verification = self.new_ones
        self._identities[identity.name] = identity
        self._consistency.made(_key(identity.name))
        return identity

    def find(self, name: str) -> Identity | None:
        """Return an identity, None when there is none."""
        return self._identities.get(name.lower())

    def get(self, name: str) -> Identity:
        """Return an identity that calls see. Raises SesError."""
        identity = self.find(name)
        if identity is None or not self._consistency.shows(_key(identity.name)):
            raise not_found(f"Email identity {name.lower()} does not exist.")
        return identity

    def delete(self, name: str) -> None:
        """Remove an identity. Raises SesError."""
        del self._identities[self.get(name).name]

    def visible(self) -> list[Identity]:
        """Return the identities that calls see, by name."""
        return [one for one in self.all() if self._consistency.shows(_key(one.name))]

    def all(self) -> list[Identity]:
        """Return every identity, by name."""
        return [identity for _, identity in sorted(self._identities.items())]


def _key(name: str) -> str:
    return f"identity/{name}"
