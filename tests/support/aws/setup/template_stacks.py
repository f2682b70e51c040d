"""Stacks from templates: each resource of a template is made by the call that CloudFormation or Terraform makes."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from app.aws.setup.account_resources import Clients
from app.domain.account.setup.resources import Place
from tests.support.aws.setup.account_setup import clients

Body = Mapping[str, Any]
_EVENT_TYPES: Final = {
    "send": "SEND", "reject": "REJECT", "bounce": "BOUNCE", "complaint": "COMPLAINT", "delivery": "DELIVERY",
    "deliveryDelay": "DELIVERY_DELAY", "renderingFailure": "RENDERING_FAILURE",
}  # fmt: skip


def make_cloudformation_stack(url: str, template: Body, place: Place) -> None:
    """Make the resources of a template in the order of its dependencies."""
    of, ids = clients(url), dict[str, str]()
    pseudo = {"AWS::Partition": place.partition, "AWS::Region": place.region, "AWS::AccountId": place.account}

    def resolved(value: Any) -> Any:
        match value:
            case {"Ref": name}:
                return ids[name]
            case {"Fn::Sub": text}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: pseudo[found[1]], text)
            case dict():
                return {key: resolved(one) for key, one in value.items()}
            case list():
                return [resolved(one) for one in value]
        return value

    for name, resource in template["Resources"].items():
        assert set(resource.get("DependsOn", [])) <= ids.keys(), "a resource comes before one that it depends on"
        make = _OF_CLOUDFORMATION[resource["Type"].removeprefix("AWS::")]
        ids[name] = make(of, resolved(resource["Properties"])) or name


def make_terraform_stack(url: str, configuration: Body, place: Place) -> None:
    """Make the resources of a configuration, each once those that it depends on are there."""
    of, made = clients(url), dict[str, str]()
    known = {
        "data.aws_partition.current.partition": place.partition,
        "data.aws_region.current.region": place.region,
        "data.aws_caller_identity.current.account_id": place.account,
    }

    def resolved(value: Any) -> Any:
        match value:
            case str():
                return re.sub(r"\$\{([^}]+)\}", lambda found: known[found[1]], value)
            case dict():
                return {key: resolved(one) for key, one in value.items()}
            case list():
                return [resolved(one) for one in value]
        return value

    waiting = [
        (f"{kind}.{name}", body) for kind, named in configuration["resource"].items() for name, body in named.items()
    ]
    while waiting:
        ready = [one for one in waiting if _needed(one[1]) <= made.keys()]
        assert ready, "the dependencies form a circle"
        for address, body in ready:
            rest = {key: value for key, value in body.items() if key != "depends_on"}
            made[address] = _OF_TERRAFORM[address.partition(".")[0]](of, resolved(rest)) or ""
            known |= {f"{address}.{attribute}": made[address] for attribute in ("arn", "url", "email_identity")}
        waiting = [one for one in waiting if one[0] not in made]


def _needed(body: Body) -> set[str]:
    """The addresses that a body names, in words or by an interpolation."""
    named = re.findall(r"\$\{(aws_[a-z0-9_]+\.[a-z0-9_]+)\.", repr(body))
    return {*body.get("depends_on", []), *named}


def _tags(tags: Any) -> Any:
    return [{"Key": key, "Value": value} for key, value in tags.items()] if isinstance(tags, dict) else tags


def _make_set(of: Clients, name: str, metrics: bool, tags: Any) -> str:
    of.ses.create_configuration_set(
        ConfigurationSetName=name,
        ReputationOptions={"ReputationMetricsEnabled": metrics},
        SendingOptions={"SendingEnabled": True},
        Tags=_tags(tags),
    )
    return name


def _make_destination(of: Clients, set_name: str, name: str, types: Any, topic_arn: str) -> str:
    destination: Any = {"Enabled": True, "MatchingEventTypes": types, "SnsDestination": {"TopicArn": topic_arn}}
    of.ses.create_configuration_set_event_destination(
        ConfigurationSetName=set_name, EventDestinationName=name, EventDestination=destination
    )
    return name


def _make_topic(of: Clients, name: str, version: str, tags: Any) -> str:
    arn = of.sns.create_topic(Name=name, Attributes={"SignatureVersion": version}, Tags=_tags(tags))["TopicArn"]
    return str(arn)


def _set_topic_policy(of: Clients, arn: str, policy: str) -> None:
    of.sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)


def _make_queue(of: Clients, name: str, attributes: Mapping[str, Any], tags: Any) -> str:
    given: Any = {key: value if isinstance(value, str) else _text(value) for key, value in attributes.items()}
    named = {tag["Key"]: tag["Value"] for tag in _tags(tags)}
    return str(of.sqs.create_queue(QueueName=name, Attributes=given, tags=named)["QueueUrl"])


def _set_queue_policy(of: Clients, url: str, policy: str) -> None:
    of.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def _subscribe(of: Clients, arn: str, protocol: str, endpoint: str, attributes: Mapping[str, str]) -> str:
    answer = of.sns.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint, Attributes=attributes)
    return str(answer["SubscriptionArn"])


def _make_identity(of: Clients, name: str, length: Any, tags: Any) -> str:
    of.ses.create_email_identity(
        EmailIdentity=name, DkimSigningAttributes={"NextSigningKeyLength": length}, Tags=_tags(tags)
    )
    return name


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _identity_of_cloudformation(of: Clients, body: Body) -> str:
    name = _make_identity(
        of, body["EmailIdentity"], body["DkimSigningAttributes"]["NextSigningKeyLength"], body["Tags"]
    )
    of.ses.put_email_identity_dkim_attributes(EmailIdentity=name, **body["DkimAttributes"])
    of.ses.put_email_identity_feedback_attributes(EmailIdentity=name, **body["FeedbackAttributes"])
    of.ses.put_email_identity_mail_from_attributes(EmailIdentity=name, **body["MailFromAttributes"])
    return name


def _queue_of_cloudformation(of: Clients, body: Body) -> str:
    attributes = {key: value for key, value in body.items() if key not in {"QueueName", "Tags"}}
    return _make_queue(of, body["QueueName"], attributes, body["Tags"])


def _subscription_of_cloudformation(of: Clients, body: Body) -> str:
    attributes = {key: _text(body[key]) for key in ("DeliveryPolicy", "RedrivePolicy") if key in body}
    attributes["RawMessageDelivery"] = str(body["RawMessageDelivery"]).lower()
    return _subscribe(of, body["TopicArn"], body["Protocol"], body["Endpoint"], attributes)


def _destination_of_cloudformation(of: Clients, body: Body) -> str:
    given = body["EventDestination"]
    assert given["Enabled"] is True
    types = [_EVENT_TYPES[one] for one in given["MatchingEventTypes"]]
    return _make_destination(
        of, body["ConfigurationSetName"], given["Name"], types, given["SnsDestination"]["TopicARN"]
    )


_OF_CLOUDFORMATION: Final[dict[str, Callable[[Clients, Any], str | None]]] = {
    "SES::ConfigurationSet": lambda of, body: _make_set(
        of, body["Name"], body["ReputationOptions"]["ReputationMetricsEnabled"], body["Tags"]
    ),
    "SES::ConfigurationSetEventDestination": _destination_of_cloudformation,
    "SES::EmailIdentity": _identity_of_cloudformation,
    "SNS::Topic": lambda of, body: _make_topic(of, body["TopicName"], body["SignatureVersion"], body["Tags"]),
    "SNS::TopicPolicy": lambda of, body: _set_topic_policy(of, body["Topics"][0], _text(body["PolicyDocument"])),
    "SNS::Subscription": _subscription_of_cloudformation,
    "SQS::Queue": _queue_of_cloudformation,
    "SQS::QueuePolicy": lambda of, body: _set_queue_policy(of, body["Queues"][0], _text(body["PolicyDocument"])),
}


def _queue_of_terraform(of: Clients, body: Body) -> str:
    names = {
        "MessageRetentionPeriod": "message_retention_seconds",
        "VisibilityTimeout": "visibility_timeout_seconds",
        "ReceiveMessageWaitTimeSeconds": "receive_wait_time_seconds",
        "RedrivePolicy": "redrive_policy",
    }
    attributes = {name: body[key] for name, key in names.items() if key in body}
    return _make_queue(of, body["name"], attributes, body["tags"])


def _subscription_of_terraform(of: Clients, body: Body) -> str:
    names = {"DeliveryPolicy": "delivery_policy", "RedrivePolicy": "redrive_policy"}
    attributes = {name: body[key] for name, key in names.items() if key in body}
    attributes["RawMessageDelivery"] = str(body["raw_message_delivery"]).lower()
    return _subscribe(of, body["topic_arn"], body["protocol"], body["endpoint"], attributes)


def _destination_of_terraform(of: Clients, body: Body) -> str:
    given = body["event_destination"]
    assert given["enabled"] is True
    topic_arn = given["sns_destination"]["topic_arn"]
    set_name, name = body["configuration_set_name"], body["event_destination_name"]
    return _make_destination(of, set_name, name, given["matching_event_types"], topic_arn)


def _mail_from_of_terraform(of: Clients, body: Body) -> None:
    of.ses.put_email_identity_mail_from_attributes(
        EmailIdentity=body["email_identity"],
        MailFromDomain=body["mail_from_domain"],
        BehaviorOnMxFailure=body["behavior_on_mx_failure"],
    )


def _forwarding_of_terraform(of: Clients, body: Body) -> None:
    of.ses.put_email_identity_feedback_attributes(
        EmailIdentity=body["email_identity"], EmailForwardingEnabled=body["email_forwarding_enabled"]
    )


_OF_TERRAFORM: Final[dict[str, Callable[[Clients, Any], str | None]]] = {
    "aws_sesv2_configuration_set": lambda of, body: _make_set(
        of,
        body["configuration_set_name"],
        body["reputation_options"]["reputation_metrics_enabled"],
        body["tags"],
    ),
    "aws_sesv2_configuration_set_event_destination": _destination_of_terraform,
    "aws_sesv2_email_identity": lambda of, body: _make_identity(
        of, body["email_identity"], body["dkim_signing_attributes"]["next_signing_key_length"], body["tags"]
    ),
    "aws_sesv2_email_identity_mail_from_attributes": _mail_from_of_terraform,
    "aws_sesv2_email_identity_feedback_attributes": _forwarding_of_terraform,
    "aws_sns_topic": lambda of, body: _make_topic(of, body["name"], str(body["signature_version"]), body["tags"]),
    "aws_sns_topic_policy": lambda of, body: _set_topic_policy(of, body["arn"], body["policy"]),
    "aws_sns_topic_subscription": _subscription_of_terraform,
    "aws_sqs_queue": _queue_of_terraform,
    "aws_sqs_queue_policy": lambda of, body: _set_queue_policy(of, body["queue_url"], body["policy"]),
}
