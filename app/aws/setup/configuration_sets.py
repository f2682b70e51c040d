"""Configuration sets and their event destinations, as SES v2 has them.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSet.html
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSetEventDestination.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from app.aws.setup.trouble import ALREADY_THERE, NOT_FOUND, code_of
from app.domain.account.setup.resources import REMEMBERED, TAG, Found, Json, Place, Resource

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
            if code_of(error) not in ALREADY_THERE:
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


@dataclass(frozen=True, slots=True)
class EventDestinations:
    """The event destinations of configuration sets. Each belongs to the deployment of its set."""

    ses: "SESV2Client"
    service: str = OF_SES

    def find(self, resource: Resource) -> Found | None:
        """The destination with its types and its topic."""
        found = described_set(self.ses, resource.parent)
        if found is None:
            return None
        answer = self.ses.get_configuration_set_event_destinations(ConfigurationSetName=resource.parent)
        for one in answer.get("EventDestinations", []):
            if one["Name"] == resource.name:
                properties: dict[str, Json] = {
                    "Enabled": one.get("Enabled", False),
                    "MatchingEventTypes": sorted(one["MatchingEventTypes"]),
                    "TopicArn": one.get("SnsDestination", {}).get("TopicArn"),
                }
                return Found(properties=properties, owner=tags_in(found).get(TAG))
        return None

    def make(self, resource: Resource, tags: dict[str, str]) -> None:
        """Make the destination. SES publishes a greeting to the topic, and so finds out whether it may."""
        del tags
        try:
            self.ses.create_configuration_set_event_destination(
                ConfigurationSetName=resource.parent,
                EventDestinationName=resource.name,
                EventDestination=_definition(resource),
            )
        except ClientError as error:
            if code_of(error) not in ALREADY_THERE:
                raise

    def change(self, resource: Resource, names: frozenset[str]) -> None:
        """Define the destination anew: SES replaces it as a whole."""
        if names:
            self.ses.update_configuration_set_event_destination(
                ConfigurationSetName=resource.parent,
                EventDestinationName=resource.name,
                EventDestination=_definition(resource),
            )

    def tag(self, resource: Resource, tags: dict[str, str]) -> None:
        """Do nothing: a destination has no tags."""

    def remove(self, resource: Resource) -> None:
        """Remove the destination."""
        self.ses.delete_configuration_set_event_destination(
            ConfigurationSetName=resource.parent, EventDestinationName=resource.name
        )


def described_set(ses: "SESV2Client", name: str) -> Any:
    """What SES says of a configuration set, None when there is none."""
    try:
        return ses.get_configuration_set(ConfigurationSetName=name)
    except ClientError as error:
        if code_of(error) in NOT_FOUND:
            return None
        raise


def tags_in(answer: Any) -> dict[str, str]:
    """The tags in an answer of AWS."""
    return {tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])}


def as_list(tags: dict[str, str]) -> Any:
    """Tags in the form that SES and SNS take."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _definition(resource: Resource) -> Any:
    return {
        "Enabled": resource.properties["Enabled"],
        "MatchingEventTypes": resource.properties["MatchingEventTypes"],
        "SnsDestination": {"TopicArn": resource.properties["TopicArn"]},
    }
