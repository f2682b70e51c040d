"""One resource at AWS: as it should be, and as it was found. It does no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = "str | bool | int | Sequence[Json] | Mapping[str, Json] | None"
Properties: TypeAlias = "Mapping[str, Json]"

TAG = "postern"
"""The key of the tag that says which deployment made a resource. What does not have it is never touched."""
REMEMBERED = {"Domains": "postern-domains", "Url": "postern-url"}
"""What the tags of a configuration set remember of its deployment, and their keys: SES can list no tags, and SNS goes
on listing a subscription that was not confirmed when it is not wanted any more."""


class Kind(StrEnum):
    """A kind of resource, as people call it."""

    CONFIGURATION_SET = "configuration set"
    TOPIC = "topic"
    QUEUE = "queue"
    EVENT_DESTINATION = "event destination"
    IDENTITY = "identity"
    SUBSCRIPTION = "subscription"
    SUPPRESSION_LIST = "suppression list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where resources are: one region of one account. The parts may be placeholders of a template."""

    partition: str
    region: str
    account: str

    def topic_arn(self, name: str) -> str:
        """The ARN of a topic here."""
        return f"arn:{self.partition}:sns:{self.region}:{self.account}:{name}"

    def queue_arn(self, name: str) -> str:
        """The ARN of a queue here."""
        return f"arn:{self.partition}:sqs:{self.region}:{self.account}:{name}"

    def ses_arn(self, kind: str, name: str) -> str:
        """The ARN of a `configuration-set` or an `identity` here."""
        return f"arn:{self.partition}:ses:{self.region}:{self.account}:{kind}/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource as it should be.

    `parent` is the name of the set of an event destination, and the ARN of the topic of a subscription. `why` says what
    it is for.
    """

    kind: Kind
    name: str
    properties: Properties
    why: str
    parent: str = ""

    @property
    def parent_key(self) -> tuple[Kind, str] | None:
        """The key of what it is a part of, None for what stands by itself."""
        match self.kind:
            case Kind.EVENT_DESTINATION:
                return Kind.CONFIGURATION_SET, self.parent
            case Kind.SUBSCRIPTION:
                return Kind.TOPIC, self.parent.rpartition(":")[2]
        return None

    @property
    def key(self) -> tuple[Kind, str]:
        """What distinguishes it within one place."""
        return self.kind, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A resource as AWS has it. `owner` is the deployment of its tag, None without one.

    What has no tags belongs to the owner of its parent.
    """

    properties: Properties
    owner: str | None = None
