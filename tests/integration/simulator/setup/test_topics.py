"""The simulator's topics, as boto3 sees them: attributes, policies, tags."""

import json
from typing import Any

import pytest

from simulator import Simulator
from tests.support.aws.queues import bodies, make_queue
from tests.support.aws.simulator import client, control, publish_events, send_watched, until

ACCOUNT = "123456789012"


@pytest.fixture
def sns(simulator: Simulator) -> Any:
    """A boto3 client of it."""
    return client("sns", simulator)


def attributes(sns: Any, arn: str) -> dict[str, str]:
    """Return the attributes of a topic."""
    found: dict[str, str] = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    return found


def set_policy(sns: Any, arn: str, *statements: dict[str, Any]) -> None:
    """Give a topic a policy of these statements."""
    document = {"Version": "2012-10-17", "Statement": [{"Resource": arn} | one for one in statements]}
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(document))


def for_ses(configuration_set: str, *, effect: str = "Allow", account: str = ACCOUNT) -> dict[str, Any]:
    """Return a statement for SES and one configuration set of an account."""
    source = f"arn:aws:ses:us-east-1:{account}:configuration-set/{configuration_set}"
    return {
        "Effect": effect,
        "Principal": {"Service": "ses.amazonaws.com"},
        "Action": "SNS:Publish",
        "Condition": {"StringEquals": {"AWS:SourceAccount": account, "AWS:SourceArn": source}},
    }


def test_a_topic_is_made_once(sns: Any) -> None:
    """Creating it again gives the same ARN; other tags and other attributes are refused."""
    tags = [{"Key": "postern", "Value": "main"}]
    arn = sns.create_topic(Name="feedback", Tags=tags, Attributes={"SignatureVersion": "2"})["TopicArn"]
    assert sns.create_topic(Name="feedback", Tags=tags, Attributes={"SignatureVersion": "2"})["TopicArn"] == arn
    assert sns.create_topic(Name="feedback")["TopicArn"] == arn
    with pytest.raises(sns.exceptions.InvalidParameterException, match="different tags"):
        sns.create_topic(Name="feedback", Tags=[{"Key": "postern", "Value": "other"}])
    with pytest.raises(sns.exceptions.InvalidParameterException, match="different attributes"):
        sns.create_topic(Name="feedback", Attributes={"SignatureVersion": "1"})
    assert attributes(sns, arn)["SignatureVersion"] == "2"


def test_tags_are_kept(sns: Any) -> None:
    """Tags come with the topic or later, are replaced by key, and can be removed; what does not exist has none."""
    arn = sns.create_topic(Name="feedback", Tags=[{"Key": "postern", "Value": "main"}])["TopicArn"]
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "postern", "Value": "b&c"}, {"Key": "team", "Value": "mail"}])
    expected = [{"Key": "postern", "Value": "b&c"}, {"Key": "team", "Value": "mail"}]
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == expected
    sns.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == expected[:1]
    for name, request in (
        ("list_tags_for_resource", {}),
        ("tag_resource", {"Tags": expected}),
        ("untag_resource", {"TagKeys": ["team"]}),
    ):
        with pytest.raises(sns.exceptions.ResourceNotFoundException):
            getattr(sns, name)(ResourceArn=arn + "s", **request)


def test_a_topic_has_a_policy_from_the_beginning(sns: Any) -> None:
    """Until one is set it is SNS's own, for the account of the topic."""
    arn = sns.create_topic(Name="feedback")["TopicArn"]
    (statement,) = json.loads(attributes(sns, arn)["Policy"])["Statement"]
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}
    assert statement["Resource"] == arn
    set_policy(sns, arn, for_ses("postern"))
    assert json.loads(attributes(sns, arn)["Policy"])["Statement"] == [{"Resource": arn} | for_ses("postern")]


@pytest.mark.parametrize(
    "name, value",
    [
        ("Policy", "{"),
        ("Policy", '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "SNS:*"}]}'),
        ("Policy", '{"Statement": [{"Effect": "Allow", "Action": "SNS:Publish"}]}'),
        ("SignatureVersion", "3"),
        ("Colour", "blue"),
    ],
)
def test_an_attribute_that_sns_would_refuse_is_refused(sns: Any, name: str, value: str) -> None:
    """A policy that is none, that reaches too far or names nobody, and attributes that do not exist."""
    arn = sns.create_topic(Name="feedback")["TopicArn"]
    before = attributes(sns, arn)
    with pytest.raises(sns.exceptions.InvalidParameterException):
        sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)
    assert attributes(sns, arn) == before


@pytest.mark.parametrize(
    "statements",
    [
        [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "SNS:Publish"}],
        [for_ses("another")],
        [for_ses("postern", account="999999999999")],
        [for_ses("postern"), for_ses("postern", effect="Deny")],
    ],
    ids=["another-service", "another-set", "another-account", "denied"],
)
def test_ses_does_not_publish_where_the_policy_forbids_it(
    simulator: Simulator, sns: Any, statements: list[dict[str, Any]]
) -> None:
    """An event destination is refused with BadRequestException, and is not there afterwards."""
    arn = sns.create_topic(Name="feedback")["TopicArn"]
    set_policy(sns, arn, *statements)
    ses = client("sesv2", simulator)
    with pytest.raises(ses.exceptions.BadRequestException, match="Could not publish to SNS topic"):
        publish_events(simulator, arn)
    found = ses.get_configuration_set_event_destinations(ConfigurationSetName="postern")
    assert found["EventDestinations"] == []


def test_events_stop_and_go_on_with_the_policy(simulator: Simulator, sns: Any) -> None:
    """A destination made in time loses its events while the policy forbids them, and gets them again afterwards."""
    arn = sns.create_topic(Name="feedback")["TopicArn"]
    set_policy(sns, arn, for_ses("postern"))
    publish_events(simulator, arn)
    queue = make_queue(simulator, "intake", topics=[arn])
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
    set_policy(sns, arn, for_ses("another"))
    ses = client("sesv2", simulator)
    send_watched(ses, "ann@example.com")
    until(lambda: control(simulator, "GET", "events")["dropped"] == 2)
    set_policy(sns, arn, for_ses("postern"))
    send_watched(ses, "ben@example.com")
    events = [json.loads(body) for body in bodies(simulator, queue, number=2)]
    assert [event["mail"]["destination"] for event in events] == [["ben@example.com"]] * 2
    assert control(simulator, "GET", "events")["dropped"] == 2


def test_the_account_says_who_it_is(simulator: Simulator) -> None:
    """GetCallerIdentity needs no permission: it names the account and the one user of the simulator."""
    answer = client("sts", simulator).get_caller_identity()
    assert answer["Account"] == ACCOUNT
    assert answer["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/simulator"
    assert answer["UserId"]
