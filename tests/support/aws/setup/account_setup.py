"""The set-up of an account for tests: on an endpoint that stands in for AWS, and what is in such an account."""

import json
from collections.abc import Callable
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from app.aws.setup.account_resources import AccountResources, Clients
from app.domain.account.setup.choices import Choices
from app.domain.account.setup.plan import Change, Plan
from app.services.account.setup import Planned, SetUp

REGION: Final = "eu-west-1"
CHOICES: Final = Choices(domains=("example.com",), url="http://127.0.0.1:9", sqs=True, archive=True)
"""Everything that a deployment can have, with an endpoint that does not answer."""
_VOLATILE: Final = ("Timestamp", "Approximate", "Statistics", "SubscriptionsConfirmed", "SubscriptionsPending")

Account = dict[str, Any]


def clients(url: str, *, attempts: int = 4) -> Clients:
    """Return clients of an endpoint."""
    config = Config(retries={"total_max_attempts": attempts, "mode": "standard"}, connect_timeout=3, read_timeout=10)

    def named(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key="example",
            config=config,
        )

    return Clients(ses=named("sesv2"), sns=named("sns"), sqs=named("sqs"), sts=named("sts"))


def setup_at(url: str, *, attempts: int = 4, through: Clients | None = None) -> SetUp:
    """Return the set-up of the account behind an endpoint, through these clients or new ones."""
    return SetUp(AccountResources(clients=through or clients(url, attempts=attempts), region=REGION))


def apply(setup: SetUp, choices: Choices = CHOICES, *, show: Callable[[Change], None] = lambda _: None) -> Planned:
    """Plan and apply, and return the last look."""
    return setup.apply(setup.plan(choices), show=show)


def lines(plan: Plan) -> list[str]:
    """Return each line of a plan as its sign, kind and name."""
    return [f"{one.action} {one.resource.kind} {one.resource.name}" for one in plan.changes]


def account_at(url: str) -> Account:
    """Return all that is in the account behind an endpoint, without times and counts."""
    of = clients(url)
    sets = _pages(of.ses.list_configuration_sets(), "ConfigurationSets")
    identities = [one["IdentityName"] for one in _pages(of.ses.list_email_identities(), "EmailIdentities")]
    topics = [one["TopicArn"] for one in of.sns.list_topics()["Topics"]]
    return {
        "sets": {name: _set(of, name) for name in sets},
        "identities": {name: _stable(of.ses.get_email_identity(EmailIdentity=name)) for name in identities},
        "topics": {arn: _topic(of, arn) for arn in topics},
        "queues": {url.rpartition("/")[2]: _queue(of, url) for url in of.sqs.list_queues().get("QueueUrls", [])},
    }


def _pages(answer: Any, name: str) -> list[Any]:
    return list(answer.get(name, []))


def _set(of: Clients, name: str) -> Account:
    try:
        destinations: Any = of.ses.get_configuration_set_event_destinations(ConfigurationSetName=name)
    except ClientError:  # moto has none
        destinations = {}
    return _stable(of.ses.get_configuration_set(ConfigurationSetName=name)) | {
        "destinations": _stable(destinations).get("EventDestinations", [])
    }


def _topic(of: Clients, arn: str) -> Account:
    listed = of.sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    return {
        "attributes": _stable(of.sns.get_topic_attributes(TopicArn=arn)["Attributes"]),
        "tags": _sorted(of.sns.list_tags_for_resource(ResourceArn=arn)["Tags"]),
        "subscriptions": sorted((_subscription(of, one) for one in listed), key=repr),
    }


def _subscription(of: Clients, listed: Any) -> Account:
    arn = listed["SubscriptionArn"]
    attributes: Any = {} if arn == "PendingConfirmation" else of.sns.get_subscription_attributes(SubscriptionArn=arn)
    kept = {
        name: value for name, value in attributes.get("Attributes", {}).items() if name not in {"SubscriptionArn", "Id"}
    }
    return {"endpoint": listed["Endpoint"], "attributes": _stable(kept)}


def _queue(of: Clients, url: str) -> Account:
    attributes = of.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]).get("Attributes", {})
    return {"attributes": _stable(attributes), "tags": of.sqs.list_queue_tags(QueueUrl=url).get("Tags", {})}


def _stable(answer: Any) -> Account:
    """The answer without what changes by itself, with policies as objects and tags in order."""
    kept = {name: value for name, value in answer.items() if name != "ResponseMetadata" and not _is_volatile(name)}
    return {name: _sorted(value) if name == "Tags" else _parsed(value) for name, value in kept.items()}


def _is_volatile(name: str) -> bool:
    return any(part in name for part in _VOLATILE)


def _sorted(tags: Any) -> Any:
    return sorted(tags, key=lambda tag: str(tag["Key"])) if isinstance(tags, list) else tags


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    return value
