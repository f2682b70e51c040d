"""An account with as little as events need to come back, as a person makes it by hand."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3.session
from botocore.config import Config

from app.domain.account.setup.blueprint import EVENT_TYPES, FEEDBACK_PATH

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sns import SNSClient

TOPIC, DESTINATION, IDENTITY = "postern-feedback", "postern", "example.com"
_PATIENT = Config(retries={"total_max_attempts": 5, "mode": "standard"}, connect_timeout=3, read_timeout=10)


@dataclass(frozen=True, slots=True)
class BareAccount:
    """SES and SNS of one region, without tags, policies and dead-letter queues."""

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
                "MatchingEventTypes": list(EVENT_TYPES),
                "SnsDestination": {"TopicArn": topic_arn},
            },
        )
        self.ses.create_email_identity(EmailIdentity=IDENTITY)
        return topic_arn

    def subscribe(self, topic_arn: str, public_url: str) -> None:
        """Subscribe the gateway to the topic. The gateway confirms the subscription by itself."""
        protocol = public_url.partition(":")[0]
        self.sns.subscribe(TopicArn=topic_arn, Protocol=protocol, Endpoint=public_url + FEEDBACK_PATH)

    def is_confirmed(self, topic_arn: str, public_url: str) -> bool:
        """Whether the gateway's subscription to the topic is confirmed."""
        listed = self.sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]
        arns = {one["SubscriptionArn"] for one in listed if one["Endpoint"] == public_url + FEEDBACK_PATH}
        return bool(arns - {"PendingConfirmation"})


def bare_account(region: str) -> BareAccount:
    """SES and SNS of this region, with the credentials and endpoints that boto3 finds."""
    session = boto3.session.Session(region_name=region)
    return BareAccount(session.client("sesv2", config=_PATIENT), session.client("sns", config=_PATIENT))
