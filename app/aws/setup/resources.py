"""The AWS resources of a gateway: made in the simulator as in a real account, and checked for faults.

This module decides which resources there have to be, and what is wrong with the existing ones. A check changes nothing.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-create-event-destination.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.aws.ses.account import SesAccount
from app.domain.errors import ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sesv2.literals import EventTypeType
    from mypy_boto3_sns import SNSClient

NEEDED: tuple["EventTypeType", ...] = (
    "SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "DELIVERY_DELAY", "RENDERING_FAILURE",
)  # fmt: skip
TOPIC, DESTINATION, IDENTITY = "postern-feedback", "postern", "example.com"
TARGET = "/feedback/sns"
_FOUND_BY_REASONS_OFF: Final = {
    (): "on for bounces and complaints: SES and Postern both judge bounces, see docs/ses-setup.md",
    ("BOUNCE",): "on for complaints: Postern alone judges bounces",
}
_PATIENT = Config(retries={"total_max_attempts": 5, "mode": "standard"}, connect_timeout=3, read_timeout=10)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: whether it is `ok`, what was `found`, and `advice` for when it is not."""

    name: str
    ok: bool
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the account has to have for this gateway: its configuration set, its topics, and what they notify."""

    configuration_set: str
    topic_arns: tuple[str, ...]
    signature_version: int
    public_url: str


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

    def findings(self, expected: Expected) -> Iterator[Finding]:
        """Check the account, part by part."""
        yield from self._guarded("account", self._account())
        yield from self._guarded("configuration set", self._configuration_set(expected))
        if not expected.topic_arns:
            yield Finding("topic", ok=False, found="SNS_TOPIC_ARNS is not set", advice="set it to the events' topic")
        for topic_arn in expected.topic_arns:
            yield from self._guarded(f"topic {topic_arn}", self._topic(topic_arn, expected))

    def _guarded(self, name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
        try:
            yield from findings
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            yield Finding(name, ok=False, found=f"AWS answered {code}", advice=_advice(code, error.operation_name))
        except BotoCoreError as error:
            yield Finding(name, ok=False, found=type(error).__name__, advice="check AWS credentials and the network")
        except ServiceUnavailable as error:
            yield Finding(name, ok=False, found=error.detail, advice="check AWS credentials and the network")

    def _account(self) -> Iterator[Finding]:
        quota = SesAccount(self.ses).quota()
        most = "unlimited" if quota.max_24h is None else f"{quota.max_24h:.0f}"
        yield Finding(
            "sending",
            ok=quota.sending_enabled,
            found=f"{'enabled' if quota.sending_enabled else 'paused'}, enforcement {quota.enforcement}",
            advice="see Account dashboard in the SES console, then resume sending",
        )
        yield Finding(
            "quota",
            ok=quota.max_24h is None or quota.sent_24h < quota.max_24h,
            found=f"{quota.max_send_rate:g}/s, {quota.sent_24h:.0f} of {most} sent in 24 hours",
            advice="ask AWS for a higher sending quota",
        )
        yield Finding(
            "production access",
            ok=quota.production,
            found="granted" if quota.production else "the account is in the sandbox",
            advice="request production access: SES only sends to verified addresses",
        )
        off = quota.switched_off
        yield Finding(
            "suppression list",
            ok="COMPLAINT" not in off,
            found=_FOUND_BY_REASONS_OFF.get(off, f"switched off for {' and '.join(off)}"),
            advice="switch it on for complaints: SES then stops emails to addresses that our list does not have yet",
        )

    def _configuration_set(self, expected: Expected) -> Iterator[Finding]:
        name = expected.configuration_set
        if not name:
            advice = "set SES_CONFIGURATION_SET: without one SES publishes no events with our tags"
            yield Finding("configuration set", ok=False, found="none is set", advice=advice)
            return
        sending = self.ses.get_configuration_set(ConfigurationSetName=name).get("SendingOptions", {})
        enabled = sending.get("SendingEnabled", True)
        advice = "enable sending for the configuration set"
        yield Finding("configuration set", ok=enabled, found=name if enabled else f"{name} is paused", advice=advice)
        destinations = self.ses.get_configuration_set_event_destinations(ConfigurationSetName=name)
        yield _published(destinations.get("EventDestinations", []), expected.topic_arns)

    def _topic(self, topic_arn: str, expected: Expected) -> Iterator[Finding]:
        name = f"topic {topic_arn.rpartition(':')[2]}"
        version = int(self.sns.get_topic_attributes(TopicArn=topic_arn)["Attributes"].get("SignatureVersion", "1"))
        ok = version >= expected.signature_version
        advice = f"set its SignatureVersion to {expected.signature_version}: its notifications are refused now"
        yield Finding(name, ok=ok, found=f"signature version {version}", advice=advice)
        endpoint = expected.public_url.rstrip("/") + TARGET
        arns = self._arns_of(topic_arn, endpoint)
        confirmed = arns - {"PendingConfirmation"}
        found = "confirmed" if confirmed else "waits for confirmation" if arns else "missing"
        advice = f"subscribe {endpoint} to the topic while the gateway runs"
        yield Finding(f"{name}, subscription", ok=bool(confirmed), found=found, advice=advice)
        for arn in confirmed:
            raw = self.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"].get("RawMessageDelivery")
            if raw == "true":
                advice = "switch raw message delivery off: a raw message carries no signature"
                yield Finding(f"{name}, delivery", ok=False, found="raw", advice=advice)

    def _arns_of(self, topic_arn: str, endpoint: str) -> set[str]:
        pages = self.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
        return {
            one["SubscriptionArn"] for page in pages for one in page["Subscriptions"] if one["Endpoint"] == endpoint
        }


def aws_setup(region: str) -> AwsSetup:
    """SES and SNS of this region, with the credentials and endpoints that boto3 finds."""
    session = boto3.session.Session(region_name=region)
    return AwsSetup(session.client("sesv2", config=_PATIENT), session.client("sns", config=_PATIENT))


def _published(destinations: list[Any], topic_arns: tuple[str, ...]) -> Finding:
    """Whether every event that Postern needs is published to one of its topics."""
    published = {
        kind
        for destination in destinations
        if destination.get("Enabled") and destination.get("SnsDestination", {}).get("TopicArn") in topic_arns
        for kind in destination["MatchingEventTypes"]
    }
    missing = [kind for kind in NEEDED if kind not in published]
    if not missing:
        return Finding("event destination", ok=True, found="every event is published to our topics")
    advice = "add them to an enabled event destination whose topic is in SNS_TOPIC_ARNS"
    return Finding("event destination", ok=False, found=f"not published: {', '.join(missing)}", advice=advice)


def _advice(code: str, operation: str) -> str:
    if code in {"NotFoundException", "NotFound"}:
        return "it does not exist in AWS_REGION: create it, or correct its name"
    if code.startswith(("AccessDenied", "Authorization")):
        return f"allow the gateway's credentials to call {operation}"
    return "check AWS credentials and AWS_REGION"
