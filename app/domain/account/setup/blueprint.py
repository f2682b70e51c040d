"""Which resources a deployment has to have, in the order in which they are made. It does no I/O.

The same resources become the plan, the CloudFormation template and the Terraform configuration.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.domain.account.setup.policies import queue_policy, topic_policy
from app.domain.account.setup.resources import REMEMBERED, TAG, Json, Kind, Place, Resource

EVENT_TYPES: Final = ("SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "DELIVERY_DELAY", "RENDERING_FAILURE")
"""Every type but opens and clicks, for which SES rewrites the links of an email and adds a picture."""
FEEDBACK_PATH: Final = "/feedback/sns"
MAIL_FROM: Final = "bounce"
_FOURTEEN_DAYS_S: Final = "1209600"
_VISIBILITY_S: Final = "120"
_RECEIVES: Final = "100"
"""How often a message may be received before SQS moves it: trouble on our side costs receives, too."""
DELIVERY_POLICY: Final[dict[str, Json]] = {
    "healthyRetryPolicy": {
        "numRetries": 50,
        "numNoDelayRetries": 3,
        "numMinDelayRetries": 2,
        "numMaxDelayRetries": 35,
        "minDelayTarget": 1,
        "maxDelayTarget": 60,
        "backoffFunction": "exponential",
    }
}
"""Tries for most of an hour, the longest that SNS allows (an hour together):
https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What is wanted: the sending `domains`, and how events come back: to `url` by HTTPS, through a queue, or both.

    `suppressed_reasons` is what the suppression list of the account acts on, None to leave it as it is.
    """

    name: str
    place: Place
    domains: tuple[str, ...] = ()
    url: str = ""
    sqs: bool = False
    archive: bool = False
    suppressed_reasons: tuple[str, ...] | None = None

    @property
    def configuration_set(self) -> str:
        """The name of the configuration set."""
        return self.name

    @property
    def topic(self) -> str:
        """The name of the topic."""
        return f"{self.name}-feedback"

    @property
    def topic_arn(self) -> str:
        """The ARN of the topic."""
        return self.place.topic_arn(self.topic)

    @property
    def queue(self) -> str:
        """The name of the queue that the workers read."""
        return f"{self.name}-feedback"

    @property
    def dead_letters(self) -> str:
        """The name of the queue for what could not be delivered."""
        return f"{self.name}-feedback-dead"

    @property
    def archive_queue(self) -> str:
        """The name of the queue that keeps a copy of every notification."""
        return f"{self.name}-feedback-archive"

    @property
    def endpoint(self) -> str:
        """The URL that SNS posts to, empty without HTTPS."""
        return self.url.rstrip("/") + FEEDBACK_PATH if self.url else ""


def blueprint(wanted: Deployment) -> tuple[Resource, ...]:
    """The resources of this deployment: each after those that it refers to."""
    return tuple(_resources(wanted))


def _resources(wanted: Deployment) -> Iterator[Resource]:
    yield _configuration_set(wanted)
    yield Resource(
        kind=Kind.TOPIC,
        name=wanted.topic,
        properties={
            "SignatureVersion": "2",
            "Policy": topic_policy(wanted.place, topic=wanted.topic, configuration_set=wanted.configuration_set),
        },
        why="SES publishes events to it, signed with SHA-256",
    )
    yield from _queues(wanted)
    yield Resource(
        kind=Kind.EVENT_DESTINATION,
        name=wanted.topic,
        parent=wanted.configuration_set,
        properties={"Enabled": True, "MatchingEventTypes": sorted(EVENT_TYPES), "TopicArn": wanted.topic_arn},
        why="the events that Postern reads",
    )
    yield from (_identity(domain) for domain in wanted.domains)
    yield from _subscriptions(wanted)
    if wanted.suppressed_reasons is not None:
        yield Resource(
            kind=Kind.SUPPRESSION_LIST,
            name="account",
            properties={"SuppressedReasons": sorted(wanted.suppressed_reasons)},
            why="asked for with --suppressed-reasons",
        )


def _configuration_set(wanted: Deployment) -> Resource:
    return Resource(
        kind=Kind.CONFIGURATION_SET,
        name=wanted.configuration_set,
        properties={"ReputationMetricsEnabled": True, "Domains": " ".join(sorted(wanted.domains)), "Url": wanted.url},
        why="every email is sent with it; SES publishes events of no other",
    )


def _identity(domain: str) -> Resource:
    return Resource(
        kind=Kind.IDENTITY,
        name=domain,
        properties={
            "SigningEnabled": True,
            "NextSigningKeyLength": "RSA_2048_BIT",
            "MailFromDomain": f"{MAIL_FROM}.{domain}",
            "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
            "EmailForwardingEnabled": False,
        },
        why="the sending domain, with Easy DKIM and a MAIL FROM of its own",
    )


def _queues(wanted: Deployment) -> Iterator[Resource]:
    yield _queue(wanted, wanted.dead_letters, {}, why="keeps for 14 days what could not be delivered")
    if wanted.sqs:
        redrive: Json = {
            "deadLetterTargetArn": wanted.place.queue_arn(wanted.dead_letters),
            "maxReceiveCount": _RECEIVES,
        }
        intake: dict[str, Json] = {
            "VisibilityTimeout": _VISIBILITY_S,
            "ReceiveMessageWaitTimeSeconds": "20",
            "RedrivePolicy": redrive,
        }
        yield _queue(wanted, wanted.queue, intake, why="the workers read events from it")
    if wanted.archive:
        yield _queue(wanted, wanted.archive_queue, {}, why="keeps every notification for 14 days, for a restore")


def _queue(wanted: Deployment, name: str, more: dict[str, Json], *, why: str) -> Resource:
    policy = queue_policy(wanted.place, queue=name, topic=wanted.topic)
    properties: dict[str, Json] = {"MessageRetentionPeriod": _FOURTEEN_DAYS_S, "Policy": policy, **more}
    return Resource(kind=Kind.QUEUE, name=name, properties=properties, why=why)


def _subscriptions(wanted: Deployment) -> Iterator[Resource]:
    redrive: Json = {"deadLetterTargetArn": wanted.place.queue_arn(wanted.dead_letters)}
    if wanted.endpoint:
        by_https: dict[str, Json] = {"DeliveryPolicy": DELIVERY_POLICY, "RedrivePolicy": redrive}
        yield _subscription(wanted, wanted.endpoint, by_https, why="SNS posts events to the gateway")
    if wanted.sqs:
        endpoint = wanted.place.queue_arn(wanted.queue)
        yield _subscription(wanted, endpoint, {"RedrivePolicy": redrive}, why="SNS puts events into the queue")
    if wanted.archive:
        endpoint = wanted.place.queue_arn(wanted.archive_queue)
        yield _subscription(wanted, endpoint, {"RedrivePolicy": redrive}, why="SNS puts a copy into the archive")


def _subscription(wanted: Deployment, endpoint: str, more: dict[str, Json], *, why: str) -> Resource:
    return Resource(
        kind=Kind.SUBSCRIPTION,
        name=endpoint,
        parent=wanted.topic_arn,
        properties={"RawMessageDelivery": "false", "Confirmed": True, **more},
        why=why,
    )


def tags_of(resource: Resource, deployment: str) -> dict[str, str]:
    """The tags that a resource of this deployment has."""
    tags = {TAG: deployment}
    if resource.kind is Kind.CONFIGURATION_SET:
        tags |= {key: str(resource.properties[name]) for name, key in REMEMBERED.items() if resource.properties[name]}
    return tags
