"""What the suppression list of the account acts on, as SES v2 has it.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutAccountSuppressionAttributes.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.aws.setup.configuration_sets import OF_SES
from app.domain.account.setup.resources import Found, Resource

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client


@dataclass(frozen=True, slots=True)
class SuppressionLists:
    """What the suppression list of the account acts on. It is the account's, so it belongs to every deployment."""

    ses: "SESV2Client"
    deployment: str
    service: str = OF_SES

    def find(self, resource: Resource) -> Found | None:
        """The reasons that the list acts on."""
        del resource
        attributes = self.ses.get_account().get("SuppressionAttributes", {})
        reasons = sorted(map(str, attributes.get("SuppressedReasons", [])))
        return Found(properties={"SuppressedReasons": list(reasons)}, owner=self.deployment)

    def make(self, resource: Resource, tags: dict[str, str]) -> None:
        """Do nothing: every account has the list."""

    def change(self, resource: Resource, names: frozenset[str]) -> None:
        """Set the reasons."""
        wanted: Any = resource.properties["SuppressedReasons"]
        if names:
            self.ses.put_account_suppression_attributes(SuppressedReasons=wanted)

    def tag(self, resource: Resource, tags: dict[str, str]) -> None:
        """Do nothing: the list has no tags."""

    def remove(self, resource: Resource) -> None:
        """Do nothing: an account always has the list, and nothing says what its reasons were before."""
