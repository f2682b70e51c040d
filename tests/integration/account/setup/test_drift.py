"""What somebody changes by hand at AWS is found, named, and set right."""

import json
from typing import Any

import pytest

from app.domain.account.setup.choices import Choices
from app.domain.account.setup.plan import Action
from app.services.account.setup import SetUp
from simulator import Simulator
from tests.support.aws.setup.account_setup import account_at, apply, clients, lines

TOPIC = "arn:aws:sns:eu-west-1:123456789012:postern-feedback"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:postern-feedback"
SQS_ONLY = Choices(domains=("example.com",), sqs=True)


def open_to_everybody(action: str, arn: str) -> str:
    """Return a policy that lets everybody do this."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


SET, IDENTITY = {"ConfigurationSetName": "postern"}, {"EmailIdentity": "example.com"}
DESTINATION: dict[str, Any] = {
    **SET,
    "EventDestinationName": "postern-feedback",
    "EventDestination": {
        "Enabled": True,
        "MatchingEventTypes": ["BOUNCE"],
        "SnsDestination": {"TopicArn": TOPIC},
    },
}
ELSEWHERE = '{"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:postern-feedback"}'
EDITS: dict[str, tuple[str, dict[str, Any]]] = {
    "topic Policy": (
        "set_topic_attributes",
        {"AttributeName": "Policy", "AttributeValue": open_to_everybody("sns:Publish", TOPIC)},
    ),
    "topic SignatureVersion": (
        "set_topic_attributes",
        {"AttributeName": "SignatureVersion", "AttributeValue": "1"},
    ),
    "queue Policy": ("set_queue_attributes", {"Policy": open_to_everybody("sqs:SendMessage", QUEUE)}),
    "queue MessageRetentionPeriod": ("set_queue_attributes", {"MessageRetentionPeriod": "60"}),
    "queue RedrivePolicy": ("set_queue_attributes", {"RedrivePolicy": ""}),
    "event destination MatchingEventTypes": ("update_configuration_set_event_destination", DESTINATION),
    "event destination Enabled": (
        "update_configuration_set_event_destination",
        DESTINATION | {"EventDestination": DESTINATION["EventDestination"] | {"Enabled": False}},
    ),
    "configuration set ReputationMetricsEnabled": (
        "put_configuration_set_reputation_options",
        SET | {"ReputationMetricsEnabled": False},
    ),
    "identity EmailForwardingEnabled": (
        "put_email_identity_feedback_attributes",
        IDENTITY | {"EmailForwardingEnabled": True},
    ),
    "identity MailFromDomain": ("put_email_identity_mail_from_attributes", IDENTITY),
    "identity SigningEnabled": ("put_email_identity_dkim_attributes", IDENTITY | {"SigningEnabled": False}),
    "subscription RedrivePolicy": (
        "set_subscription_attributes",
        {"AttributeName": "RedrivePolicy", "AttributeValue": ELSEWHERE},
    ),
}
"""What somebody may change by hand: the call and its arguments, but for the names that only the account knows."""


def edit_by_hand(url: str, call: str, arguments: Any) -> None:
    """Make the call."""
    of = clients(url)
    match call:
        case "set_topic_attributes":
            of.sns.set_topic_attributes(TopicArn=TOPIC, **arguments)
        case "set_queue_attributes":
            queue_url = of.sqs.get_queue_url(QueueName="postern-feedback")["QueueUrl"]
            of.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes=arguments)
        case "set_subscription_attributes":
            listed = of.sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]
            arn = next(one["SubscriptionArn"] for one in listed if one["Endpoint"] == QUEUE)
            of.sns.set_subscription_attributes(SubscriptionArn=arn, **arguments)
        case _:
            getattr(of.ses, call)(**arguments)


@pytest.mark.parametrize("edit", EDITS)
def test_somebodys_change_is_found_and_set_right(simulator: Simulator, setup: SetUp, edit: str) -> None:
    """The plan names the property with both values; apply brings back what was there before."""
    apply(setup, SQS_ONLY)
    before = account_at(simulator.url)
    edit_by_hand(simulator.url, *EDITS[edit])
    changed = account_at(simulator.url)
    assert changed != before
    planned = setup.plan(Choices())
    (change,) = planned.plan.changes
    assert change.action is Action.CHANGE
    assert edit in {f"{change.resource.kind} {one.name}" for one in change.differences}
    assert all(str(one).count(" -> ") == 1 for one in change.differences)
    setup.apply(planned, show=lambda _: None)
    assert account_at(simulator.url) == before


def test_what_was_removed_by_hand_is_made_again(simulator: Simulator, setup: SetUp) -> None:
    """A configuration set that is deleted while email flows is one line of the plan, with its event destination."""
    apply(setup, SQS_ONLY)
    before = account_at(simulator.url)
    clients(simulator.url).ses.delete_configuration_set(ConfigurationSetName="postern")
    planned = setup.plan(SQS_ONLY)
    assert lines(planned.plan) == ["+ configuration set postern", "+ event destination postern-feedback"]
    setup.apply(planned, show=lambda _: None)
    assert account_at(simulator.url) == before
