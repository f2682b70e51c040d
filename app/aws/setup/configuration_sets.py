"""Configuration sets, as SES v2 has them.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSet.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from app.aws.setup.error_codes import is_absent, is_there_already
from app.aws.setup.tags import as_list, tags_in
from app.domain.account.setup.resources import REMEMBERED, TAG, Found, Place, Resource

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

OF_SES: Final = "ses"


@dataclass(frozen=True, slots=True)
class ConfigurationSets:
    """The configuration sets of one place."""

    ses: "SESV2Client"
    place: Place
    service: str = OF_SES

    def find(self, resource: Resource) -> Found | None:
        """The set with its reputation metrics, and what its tags remember."""
        found = described_set(self.ses, resource.name)
        if found is None:
            return None
        tags = tags_in(found)
        properties = {
            "ReputationMetricsEnabled": found.get("ReputationOptions", {}).get("ReputationMetricsEnabled", False),
            **{name: tags.get(key, "") for name, key in REMEMBERED.items()},
        }
        return Found(properties=properties, owner=tags.get(TAG))

    def make(self, resource: Resource, tags: dict[str, str]) -> None:
        """Make the set with its tags."""
        try:
            self.ses.create_configuration_set(
                ConfigurationSetName=resource.name,
                ReputationOptions={"ReputationMetricsEnabled": True},
                SendingOptions={"SendingEnabled": True},
                Tags=as_list(tags),
            )
        except ClientError as error:
            if not is_there_already(error):
                raise

    def change(self, resource: Resource, names: frozenset[str]) -> None:
        """Set the reputation metrics. All else is in tags."""
        if "ReputationMetricsEnabled" in names:
            self.ses.put_configuration_set_reputation_options(
                ConfigurationSetName=resource.name, ReputationMetricsEnabled=True
            )

    def tag(self, resource: Resource, tags: dict[str, str]) -> None:
        """Give the set these tags, and take off those of what is not remembered any more."""
        arn = self.place.ses_arn("configuration-set", resource.name)
        self.ses.tag_resource(ResourceArn=arn, Tags=as_list(tags))
        obsolete = [key for key in REMEMBERED.values() if key not in tags]
        if obsolete:
            self.ses.untag_resource(ResourceArn=arn, TagKeys=obsolete)

    def remove(self, resource: Resource) -> None:
        """Remove the set."""
        self.ses.delete_configuration_set(ConfigurationSetName=resource.name)


def described_set(ses: "SESV2Client", name: str) -> Any:
    """What SES says of a configuration set, None when there is none."""
    try:
        return ses.get_configuration_set(ConfigurationSetName=name)
    except ClientError as error:
        if is_absent(error):
            return None
        raise
