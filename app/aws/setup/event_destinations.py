"""The event destinations of configuration sets, as SES v2 has them. They have no tags.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSetEventDestination.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from app.aws.setup.configuration_sets import OF_SES
from app.aws.setup.error_codes import is_absent, is_there_already
from app.domain.account.setup.resources import Found, Json, Resource

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client


@dataclass(frozen=True, slots=True)
class EventDestinations:
    """The event destinations of configuration sets."""

    ses: "SESV2Client"
    service: str = OF_SES

    def find(self, resource: Resource) -> Found | None:
        """The destination with its types and its topic."""
        try:
            answer = self.ses.get_configuration_set_event_destinations(ConfigurationSetName=resource.parent)
        except ClientError as error:
            if is_absent(error):
                return None
            raise
        for one in answer.get("EventDestinations", []):
            if one["Name"] == resource.name:
                properties: dict[str, Json] = {
                    "Enabled": one.get("Enabled", False),
                    "MatchingEventTypes": sorted(one["MatchingEventTypes"]),
                    "TopicArn": one.get("SnsDestination", {}).get("TopicArn"),
                }
                return Found(properties=properties)
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
            if not is_there_already(error):
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


def _definition(resource: Resource) -> Any:
    return {
        "Enabled": resource.properties["Enabled"],
        "MatchingEventTypes": resource.properties["MatchingEventTypes"],
        "SnsDestination": {"TopicArn": resource.properties["TopicArn"]},
    }
