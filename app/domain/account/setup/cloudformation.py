"""A deployment as a CloudFormation template: the same resources that `ses apply` makes. It does no I/O.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SES.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.domain.account.setup.blueprint import Deployment, blueprint, tags_of
from app.domain.account.setup.resources import Kind, Place, Resource

HERE: Final = Place(partition="${AWS::Partition}", region="${AWS::Region}", account="${AWS::AccountId}")
"""The place of a template: CloudFormation puts in the parts of the stack's own."""
_PLACEHOLDER: Final = "${AWS::"
_NUMBERS: Final = ("MessageRetentionPeriod", "VisibilityTimeout", "ReceiveMessageWaitTimeSeconds")


def cloudformation(wanted: Deployment) -> dict[str, Any]:
    """The template. `wanted` has the place `HERE`."""
    resources: dict[str, Any] = {}
    for resource in blueprint(wanted):
        after = [name for name in resources if _comes_before(name, resource)]
        for name, body in _bodies(resource, wanted):
            resources[name] = _with_dependencies(body, after)
            after = [*after, name]
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Sending and feedback of the Postern deployment {wanted.name}",
        "Resources": _substituted(resources),
        "Outputs": _substituted(_outputs(wanted)),
    }


def logical_id(kind: Kind, name: str) -> str:
    """The name of a resource within the template: letters and digits."""
    return "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]+", f"{kind} {name}") if part)


def _bodies(resource: Resource, wanted: Deployment) -> Iterator[tuple[str, dict[str, Any]]]:
    properties: Mapping[str, Any] = resource.properties
    name = logical_id(resource.kind, resource.name)
    tags = [{"Key": key, "Value": value} for key, value in tags_of(resource, wanted.name).items()]
    match resource.kind:
        case Kind.CONFIGURATION_SET:
            body: dict[str, Any] = {
                "Name": resource.name,
                "ReputationOptions": {"ReputationMetricsEnabled": properties["ReputationMetricsEnabled"]},
                "SendingOptions": {"SendingEnabled": True},
                "Tags": tags,
            }
            yield name, _body("SES::ConfigurationSet", body)
        case Kind.TOPIC:
            signed = {"SignatureVersion": properties["SignatureVersion"]}
            yield name, _body("SNS::Topic", {"TopicName": resource.name, **signed, "Tags": tags})
            policy = {"Topics": [{"Ref": name}], "PolicyDocument": properties["Policy"]}
            yield f"{name}Policy", _body("SNS::TopicPolicy", policy)
        case Kind.QUEUE:
            numbers = {key: int(properties[key]) for key in _NUMBERS if key in properties}
            redrive = {"RedrivePolicy": properties["RedrivePolicy"]} if "RedrivePolicy" in properties else {}
            yield name, _body("SQS::Queue", {"QueueName": resource.name, **numbers, **redrive, "Tags": tags})
            policy = {"Queues": [{"Ref": name}], "PolicyDocument": properties["Policy"]}
            yield f"{name}Policy", _body("SQS::QueuePolicy", policy)
        case Kind.EVENT_DESTINATION:
            yield name, _body("SES::ConfigurationSetEventDestination", _event_destination(resource))
        case Kind.IDENTITY:
            yield name, _body("SES::EmailIdentity", _identity(resource) | {"Tags": tags})
        case Kind.SUBSCRIPTION:
            yield name, _body("SNS::Subscription", _subscription(resource))
        case Kind.SUPPRESSION_LIST:
            raise ValueError("CloudFormation cannot set what the suppression list of an account acts on")


def _body(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": dict(properties)}


def _event_destination(resource: Resource) -> dict[str, Any]:
    properties: Mapping[str, Any] = resource.properties
    return {
        "ConfigurationSetName": resource.parent,
        "EventDestination": {
            "Name": resource.name,
            "Enabled": properties["Enabled"],
            "MatchingEventTypes": [_in_camel_case(one) for one in properties["MatchingEventTypes"]],
            "SnsDestination": {"TopicARN": properties["TopicArn"]},
        },
    }


def _identity(resource: Resource) -> dict[str, Any]:
    properties = resource.properties
    return {
        "EmailIdentity": resource.name,
        "DkimAttributes": {"SigningEnabled": properties["SigningEnabled"]},
        "DkimSigningAttributes": {"NextSigningKeyLength": properties["NextSigningKeyLength"]},
        "FeedbackAttributes": {"EmailForwardingEnabled": properties["EmailForwardingEnabled"]},
        "MailFromAttributes": {
            "MailFromDomain": properties["MailFromDomain"],
            "BehaviorOnMxFailure": properties["BehaviorOnMxFailure"],
        },
    }


def _subscription(resource: Resource) -> dict[str, Any]:
    rest = {key: resource.properties[key] for key in ("DeliveryPolicy", "RedrivePolicy") if key in resource.properties}
    return {
        "TopicArn": resource.parent,
        "Protocol": "sqs" if resource.name.startswith("arn:") else resource.name.partition(":")[0],
        "Endpoint": resource.name,
        "RawMessageDelivery": resource.properties["RawMessageDelivery"] == "true",
        **rest,
    }


def _comes_before(name: str, resource: Resource) -> bool:
    """Whether a resource refers, by a name or an ARN that CloudFormation cannot see through, to an earlier one."""
    match resource.kind:
        case Kind.EVENT_DESTINATION:
            return name.startswith(("ConfigurationSet", "Topic"))
        case Kind.SUBSCRIPTION:
            return name.startswith(("Topic", "Queue"))
        case Kind.QUEUE:
            return name.startswith("Queue") and not name.endswith("Policy")
    return False


def _with_dependencies(body: dict[str, Any], after: list[str]) -> dict[str, Any]:
    referred = {one["Ref"] for one in [*body["Properties"].get("Topics", []), *body["Properties"].get("Queues", [])]}
    dependencies = [name for name in after if name not in referred]
    return body | {"DependsOn": dependencies} if dependencies else body


def _outputs(wanted: Deployment) -> dict[str, Any]:
    outputs: dict[str, Any] = {"SnsTopicArns": {"Value": wanted.topic_arn}}
    if wanted.sqs:
        outputs["SqsQueueUrls"] = {"Value": {"Ref": logical_id(Kind.QUEUE, wanted.queue)}}
    for domain in wanted.domains:
        identity = logical_id(Kind.IDENTITY, domain)
        for number in (1, 2, 3):
            record = f"${{{identity}.DkimDNSTokenName{number}}} CNAME ${{{identity}.DkimDNSTokenValue{number}}}"
            outputs[f"{identity}Dkim{number}"] = {"Value": {"Fn::Sub": record}}
    return outputs


def _substituted(value: Any) -> Any:
    """The value with `Fn::Sub` around each text that holds a placeholder."""
    if isinstance(value, dict):
        return value if "Fn::Sub" in value else {key: _substituted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_substituted(one) for one in value]
    return {"Fn::Sub": value} if isinstance(value, str) and _PLACEHOLDER in value else value


def _in_camel_case(event_type: str) -> str:
    first, *rest = event_type.lower().split("_")
    return first + "".join(map(str.capitalize, rest))
