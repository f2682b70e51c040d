"""The resources of one account in one region: asked, made, changed and removed, whatever their kind.

AWS shows a new resource to other calls only after a moment, and lets the name of a deleted queue be used again only
after a minute. Calls that meet this are repeated within bounds.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import boto3.session
from botocore.config import Config
from botocore.exceptions import ClientError

from app.aws.setup.configuration_sets import ConfigurationSets, described_set
from app.aws.setup.endpoints import is_of_aws, pace
from app.aws.setup.error_codes import is_absent, was_deleted_recently
from app.aws.setup.event_destinations import EventDestinations
from app.aws.setup.identities import Identities
from app.aws.setup.queues import OF_SQS, Queues
from app.aws.setup.resource_kind import ResourceKind
from app.aws.setup.subscriptions import Subscriptions
from app.aws.setup.suppression_list import SuppressionLists
from app.aws.setup.tags import tags_in
from app.aws.setup.topics import Topics
from app.aws.setup.trouble import aws_calls
from app.domain.account.setup.blueprint import Deployment, tags_of
from app.domain.account.setup.dns_records import DnsRecord
from app.domain.account.setup.resources import REMEMBERED, TAG, Found, Kind, Place, Resource

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sts import STSClient

VISIBLE_WITHIN_S: Final = 30.0
NAME_FREE_WITHIN_S: Final = 70.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_PATIENT: Final = Config(retries={"total_max_attempts": 8, "mode": "standard"}, connect_timeout=3, read_timeout=10)
_CANNOT_PUBLISH: Final = "Could not publish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """The services that a set-up calls, with boto3's own credentials and endpoints."""

    ses: "SESV2Client"
    sns: "SNSClient"
    sqs: "SQSClient"
    sts: "STSClient"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountResources:
    """The resources in this account. Every method raises `SetupStopped` for what AWS refuses."""

    clients: Clients
    region: str
    sleep: Callable[[float], None] = field(default=time.sleep)
    monotonic: Callable[[], float] = field(default=time.monotonic)

    @property
    def stand_in(self) -> str:
        """The endpoint that stands in for AWS, empty where calls go to AWS itself."""
        return "" if is_of_aws(self.clients.ses) else self.clients.ses.meta.endpoint_url

    def place(self) -> Place:
        """The account of the credentials, and the partition that it is in."""
        with aws_calls("sts"):
            identity = self.clients.sts.get_caller_identity()
        return Place(partition=identity["Arn"].split(":")[1], region=self.region, account=identity["Account"])

    def existing(self, name: str, place: Place) -> Deployment:
        """The deployment of this name as far as its resources show it; an empty one when there are none."""
        empty = Deployment(name=name, place=place)
        with aws_calls("ses"):
            tags = tags_in(described_set(self.clients.ses, empty.configuration_set) or {})
        remembered = tags if tags.get(TAG) == name else {}
        return Deployment(
            name=name,
            place=place,
            domains=tuple(remembered.get(REMEMBERED["Domains"], "").split()),
            url=remembered.get(REMEMBERED["Url"], ""),
            sqs=self._is_there(empty.queue),
            archive=self._is_there(empty.archive_queue),
        )

    def find(self, resource: Resource, deployment: Deployment) -> Found | None:
        """The resource as AWS has it, None without one."""
        kind = self._kind(resource.kind, deployment)
        with aws_calls(kind.service):
            return kind.find(resource)

    def make(self, resource: Resource, deployment: Deployment) -> None:
        """Make it, tagged as this deployment's."""
        kind = self._kind(resource.kind, deployment)
        self._patiently(kind.service, lambda: kind.make(resource, tags_of(resource, deployment.name)))

    def change(self, resource: Resource, names: frozenset[str], deployment: Deployment) -> None:
        """Set these properties as they should be, its tags included."""
        kind = self._kind(resource.kind, deployment)
        if names - frozenset(resource.properties) or names & frozenset(REMEMBERED):
            self._patiently(kind.service, lambda: kind.tag(resource, tags_of(resource, deployment.name)))
        rest = names & frozenset(resource.properties)
        self._patiently(kind.service, lambda: kind.change(resource, rest))

    def remove(self, resource: Resource, deployment: Deployment) -> None:
        """Remove it. One that is gone already is no fault."""
        kind = self._kind(resource.kind, deployment)
        with aws_calls(kind.service):
            try:
                kind.remove(resource)
            except ClientError as error:
                if not is_absent(error):
                    raise

    def dns_records(self, deployment: Deployment) -> tuple[DnsRecord, ...]:
        """The DNS records that the domains of this deployment need."""
        identities = Identities(self.clients.ses, deployment.place)
        with aws_calls(identities.service):
            return tuple(record for domain in deployment.domains for record in identities.dns_records(domain))

    def queue_url(self, name: str) -> str:
        """The URL of a queue, empty when there is none."""
        with aws_calls(OF_SQS):
            try:
                return Queues(self.clients.sqs).url(name)
            except ClientError as error:
                if not is_absent(error):
                    raise
        return ""

    def sent_in_a_day(self) -> int:
        """How many recipients the account wrote to in the last 24 hours, whoever sent."""
        with aws_calls("ses"):
            return int(self.clients.ses.get_account().get("SendQuota", {}).get("SentLast24Hours", 0))

    def suppressed_reasons(self) -> tuple[str, ...]:
        """What the suppression list of the account acts on."""
        with aws_calls("ses"):
            attributes = self.clients.ses.get_account().get("SuppressionAttributes", {})
        return tuple(sorted(map(str, attributes.get("SuppressedReasons", []))))

    def _is_there(self, queue: str) -> bool:
        return bool(self.queue_url(queue))

    def _kind(self, kind: Kind, deployment: Deployment) -> ResourceKind:
        clients, place = self.clients, deployment.place
        kinds: dict[Kind, ResourceKind] = {
            Kind.CONFIGURATION_SET: ConfigurationSets(clients.ses, place),
            Kind.EVENT_DESTINATION: EventDestinations(clients.ses),
            Kind.IDENTITY: Identities(clients.ses, place),
            Kind.SUPPRESSION_LIST: SuppressionLists(clients.ses, deployment.name),
            Kind.TOPIC: Topics(clients.sns, place),
            Kind.SUBSCRIPTION: Subscriptions(clients.sns),
            Kind.QUEUE: Queues(clients.sqs),
        }
        return kinds[kind]

    def _patiently(self, service: str, call: Callable[[], Any]) -> None:
        """Repeat the call while AWS does not show yet what was just made, or keeps the name of a deleted queue."""
        began, pause = self.monotonic(), _FIRST_PAUSE_S
        with aws_calls(service):
            while True:
                try:
                    call()
                except ClientError as error:
                    if self.monotonic() - began + pause > _worth_waiting_s(error):
                        raise
                else:
                    return
                self.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)


def account_resources(region: str | None, *, otherwise: str) -> AccountResources:
    """The resources in the account of boto3's own credentials, endpoints and region.

    The region is this one, or that of the environment or the profile, or else `otherwise`. The clients repeat what is
    throttled: an operator can wait, a worker must not.
    """
    session = boto3.session.Session(region_name=region)
    chosen_region = session.region_name or otherwise
    named = partial(session.client, region_name=chosen_region, config=_PATIENT)
    clients = Clients(ses=named("sesv2"), sns=named("sns"), sqs=named("sqs"), sts=named("sts"))
    pace(clients.ses)
    return AccountResources(clients=clients, region=chosen_region)


def _worth_waiting_s(error: ClientError) -> float:
    """How long a call may be repeated after this error, in seconds from its first try."""
    if was_deleted_recently(error):
        return NAME_FREE_WITHIN_S
    if is_absent(error) or _CANNOT_PUBLISH in str(error):
        return VISIBLE_WITHIN_S
    return 0.0
