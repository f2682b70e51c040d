"""The AWS resources of a gateway, made in the simulator as in a real account.

This module decides which resources there have to be. What is wrong with existing ones is found by
`app.aws.setup.checks`.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-create-event-destination.html
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3.session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sesv2.literals import EventTypeType
    from mypy_boto3_sns import SNSClient

NEEDED: tuple["EventTypeType", ...] = (
    "SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "DELIVERY_DELAY", "RENDERING_FAILURE",
)  # fmt: skip
TOPIC, DESTINATION, IDENTITY = "postern-feedback", "postern", "example.com"
TARGET = "/feedback/sns"
_PATIENT = Config(retries={"total_max_attempts": 5, "mode": "standard"}, connect_timeout=3, read_timeout=10)


@dataclass(frozen=True, slots=True)
class AwsSetup:
    """SES and SNS of one region, through clients with retries: an operator can wait, a worker must not."""

    ses: "SESV2Client"
    sns: "SNSClient"

    def make_topic(self, configuration_set: str) -> str:
        """Make the topic, configuration set, event destination and identity. Returns the ARN of the topic."""
        topic_arn = self.sns.create_topic(Name=TOPIC, Attributes={"SignatureVersion": "2"})["TopicArn"]
        self.ses.create_configuration_set(ConfigurationSetName=configuration_set)
        self.ses.create_configuration_set_event_destination(
            ConfigurationSetName=configuration_set,
            EventDestinationName=DESTINATION,
            EventDestination={
                "Enabled": True,
                "MatchingEventTypes": list(NEEDED),
                "SnsDestination": {"TopicArn": topic_arn},
            },
        )
        self.ses.create_email_identity(EmailIdentity=IDENTITY)
        return topic_arn

    def subscribe(self, topic_arn: str, public_url: str) -> None:
        """Subscribe the gateway to the topic. The gateway confirms the subscription by itself."""
        protocol = public_url.partition(":")[0]
        self.sns.subscribe(TopicArn=topic_arn, Protocol=protocol, Endpoint=public_url + TARGET)

    def is_confirmed(self, topic_arn: str, public_url: str) -> bool:
        """Whether the gateway's subscription to the topic is confirmed."""
        return bool(self._arns_of(topic_arn, public_url + TARGET) - {"PendingConfirmation"})

    def _arns_of(self, topic_arn: str, endpoint: str) -> set[str]:
        pages = self.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
        return {
            one["SubscriptionArn"] for page in pages for one in page["Subscriptions"] if one["Endpoint"] == endpoint
        }


def aws_setup(region: str) -> AwsSetup:
    """SES and SNS of this region, with the credentials and endpoints that boto3 finds."""
    session = boto3.session.Session(region_name=region)
    return AwsSetup(session.client("sesv2", config=_PATIENT), session.client("sns", config=_PATIENT))
