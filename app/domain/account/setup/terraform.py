"""A deployment as a Terraform configuration in JSON: the same resources that `ses apply` makes. It does no I/O.

https://developer.hashicorp.com/terraform/language/syntax/json
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/sesv2_email_identity
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.domain.account.setup.blueprint import Deployment, blueprint, tags_of
from app.domain.account.setup.resources import Kind, Place, Resource

HERE: Final = Place(
    partition="${data.aws_partition.current.partition}",
    region="${data.aws_region.current.region}",
    account="${data.aws_caller_identity.current.account_id}",
)
"""The place of a configuration: Terraform puts in the parts of the provider's own."""

Block = tuple[str, str, dict[str, Any]]
_OF_A_QUEUE: Final = {
    "MessageRetentionPeriod": "message_retention_seconds",
    "VisibilityTimeout": "visibility_timeout_seconds",
    "ReceiveMessageWaitTimeSeconds": "receive_wait_time_seconds",
}


def terraform(wanted: Deployment) -> dict[str, Any]:
    """The configuration. `wanted` has the place `HERE`."""
    resources: dict[str, dict[str, Any]] = {}
    for resource in blueprint(wanted):
        after = _addresses(resources, resource)
        for kind, name, body in _blocks(resource, wanted):
            resources.setdefault(kind, {})[name] = body | ({"depends_on": after} if after else {})
            after = []
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 6.0"}}},
        "data": {
            "aws_caller_identity": {"current": {}},
            "aws_partition": {"current": {}},
            "aws_region": {"current": {}},
        },
        "resource": resources,
        "output": _outputs(wanted),
    }


def label(name: str) -> str:
    """The name of a resource within the configuration: letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"\$\{[^}]*\}", "", name).lower()).strip("_")


def _blocks(resource: Resource, wanted: Deployment) -> Iterator[Block]:
    properties: Mapping[str, Any] = resource.properties
    tags, name = tags_of(resource, wanted.name), label(resource.name)
    match resource.kind:
        case Kind.CONFIGURATION_SET:
            options = {
                "reputation_options": {"reputation_metrics_enabled": properties["ReputationMetricsEnabled"]},
                "sending_options": {"sending_enabled": True},
            }
            yield (
                "aws_sesv2_configuration_set",
                name,
                {"configuration_set_name": resource.name, **options, "tags": tags},
            )
        case Kind.TOPIC:
            signed = {"signature_version": int(properties["SignatureVersion"])}
            yield "aws_sns_topic", name, {"name": resource.name, **signed, "tags": tags}
            policy = {"arn": f"${{aws_sns_topic.{name}.arn}}", "policy": _as_text(properties["Policy"])}
            yield "aws_sns_topic_policy", name, policy
        case Kind.QUEUE:
            numbers = {_OF_A_QUEUE[key]: int(properties[key]) for key in _OF_A_QUEUE if key in properties}
            redrive = {"redrive_policy": _as_text(properties["RedrivePolicy"])} if "RedrivePolicy" in properties else {}
            yield "aws_sqs_queue", name, {"name": resource.name, **numbers, **redrive, "tags": tags}
            policy = {"queue_url": f"${{aws_sqs_queue.{name}.url}}", "policy": _as_text(properties["Policy"])}
            yield "aws_sqs_queue_policy", name, policy
        case Kind.EVENT_DESTINATION:
            yield "aws_sesv2_configuration_set_event_destination", name, _event_destination(resource)
        case Kind.IDENTITY:
            yield from _identity(resource, name, tags)
        case Kind.SUBSCRIPTION:
            yield "aws_sns_topic_subscription", name, _subscription(resource)
        case Kind.SUPPRESSION_LIST:
            raise ValueError("the suppression list of an account is no part of a deployment's configuration")


def _event_destination(resource: Resource) -> dict[str, Any]:
    properties = resource.properties
    return {
        "configuration_set_name": resource.parent,
        "event_destination_name": resource.name,
        "event_destination": {
            "enabled": properties["Enabled"],
            "matching_event_types": properties["MatchingEventTypes"],
            "sns_destination": {"topic_arn": properties["TopicArn"]},
        },
    }


def _identity(resource: Resource, name: str, tags: dict[str, str]) -> Iterator[Block]:
    properties = resource.properties
    signing = {"next_signing_key_length": properties["NextSigningKeyLength"]}
    yield (
        "aws_sesv2_email_identity",
        name,
        {"email_identity": resource.name, "dkim_signing_attributes": signing, "tags": tags},
    )
    identity = {"email_identity": f"${{aws_sesv2_email_identity.{name}.email_identity}}"}
    yield (
        "aws_sesv2_email_identity_mail_from_attributes",
        name,
        {
            **identity,
            "mail_from_domain": properties["MailFromDomain"],
            "behavior_on_mx_failure": properties["BehaviorOnMxFailure"],
        },
    )
    forwarding = {"email_forwarding_enabled": properties["EmailForwardingEnabled"]}
    yield "aws_sesv2_email_identity_feedback_attributes", name, {**identity, **forwarding}


def _subscription(resource: Resource) -> dict[str, Any]:
    properties = resource.properties
    is_queue = resource.name.startswith("arn:")
    body: dict[str, Any] = {
        "topic_arn": resource.parent,
        "protocol": "sqs" if is_queue else resource.name.partition(":")[0],
        "endpoint": resource.name,
        "raw_message_delivery": properties["RawMessageDelivery"] == "true",
        "redrive_policy": _as_text(properties["RedrivePolicy"]),
    }
    if not is_queue:
        body |= {"delivery_policy": _as_text(properties["DeliveryPolicy"]), "endpoint_auto_confirms": True}
    return body


def _addresses(resources: Mapping[str, Mapping[str, Any]], resource: Resource) -> list[str]:
    """The earlier resources that this one refers to by a name or an ARN that Terraform cannot see through."""
    needed = {
        Kind.EVENT_DESTINATION: ("aws_sesv2_configuration_set", "aws_sns_topic_policy"),
        Kind.SUBSCRIPTION: ("aws_sns_topic_policy", "aws_sqs_queue_policy"),
        Kind.QUEUE: ("aws_sqs_queue",),
    }.get(resource.kind, ())
    return [f"{kind}.{name}" for kind in needed for name in resources.get(kind, {})]


def _outputs(wanted: Deployment) -> dict[str, Any]:
    outputs: dict[str, Any] = {"sns_topic_arns": {"value": f"${{aws_sns_topic.{label(wanted.topic)}.arn}}"}}
    if wanted.sqs:
        outputs["sqs_queue_urls"] = {"value": f"${{aws_sqs_queue.{label(wanted.queue)}.url}}"}
    for domain in wanted.domains:
        tokens = f"${{aws_sesv2_email_identity.{label(domain)}.dkim_signing_attributes[0].tokens}}"
        outputs[f"dkim_tokens_{label(domain)}"] = {"value": tokens}
    return outputs


def _as_text(value: Any) -> str:
    """A policy as the text that the provider takes; Terraform replaces the placeholders in it."""
    return json.dumps(value, sort_keys=True)
