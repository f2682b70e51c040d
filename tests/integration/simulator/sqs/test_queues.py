"""The simulator's queues, as boto3 sees them: made, found, changed, tagged, deleted."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator import Simulator
from tests.support.aws.simulator import client, fetch


@pytest.fixture
def sqs(simulator: Simulator) -> Any:
    """A boto3 client of it."""
    return client("sqs", simulator)


def test_a_queue_is_made_once(simulator: Simulator, sqs: Any) -> None:
    """Creating it again, with the same attributes or none, gives the same URL; other attributes are refused."""
    url = sqs.create_queue(QueueName="feedback", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    assert url == f"{simulator.url}/123456789012/feedback"
    assert sqs.create_queue(QueueName="feedback", Attributes={"VisibilityTimeout": "60"})["QueueUrl"] == url
    assert sqs.create_queue(QueueName="feedback")["QueueUrl"] == url
    with pytest.raises(sqs.exceptions.QueueNameExists) as caught:
        sqs.create_queue(QueueName="feedback", Attributes={"VisibilityTimeout": "61"})
    assert caught.value.response["Error"]["Code"] == "QueueAlreadyExists"


def test_a_queue_is_found_by_name_and_by_prefix(sqs: Any) -> None:
    """GetQueueUrl needs the whole name, ListQueues the start of it; without a match the list has no key."""
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("postern-a", "postern-b", "other")]
    assert sqs.get_queue_url(QueueName="postern-b")["QueueUrl"] == urls[1]
    assert sqs.list_queues(QueueNamePrefix="postern-")["QueueUrls"] == urls[:2]
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="nothing")


def test_long_lists_come_in_pages(sqs: Any) -> None:
    """With MaxResults there is a token for the next page, which the last one lacks."""
    urls = [sqs.create_queue(QueueName=f"queue-{number}")["QueueUrl"] for number in range(5)]
    first = sqs.list_queues(MaxResults=3)
    second = sqs.list_queues(MaxResults=3, NextToken=first["NextToken"])
    assert (first["QueueUrls"], second["QueueUrls"]) == (urls[:3], urls[3:])
    assert "NextToken" not in second


def test_a_queue_that_does_not_exist_is_an_error_of_its_own(simulator: Simulator, sqs: Any) -> None:
    """Every call on it raises QueueDoesNotExist, whose code is still that of the query protocol."""
    url = f"{simulator.url}/123456789012/nowhere"
    calls = (
        ("get_queue_url", {"QueueName": "nowhere"}),
        ("get_queue_attributes", {"QueueUrl": url, "AttributeNames": ["All"]}),
        ("receive_message", {"QueueUrl": url}),
        ("delete_queue", {"QueueUrl": url}),
    )
    for name, request in calls:
        with pytest.raises(sqs.exceptions.QueueDoesNotExist) as caught:
            getattr(sqs, name)(**request)
        assert caught.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_attributes_have_the_defaults_of_sqs_and_can_be_changed(sqs: Any) -> None:
    """All of them, or those asked for, are shown; an attribute that is not set has no key; an empty text removes it."""
    url = sqs.create_queue(QueueName="feedback")["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["QueueArn"] == "arn:aws:sqs:us-east-1:123456789012:feedback"
    assert (found["VisibilityTimeout"], found["MessageRetentionPeriod"]) == ("30", "345600")
    assert found["ApproximateNumberOfMessages"] == found["ApproximateNumberOfMessagesNotVisible"] == "0"
    assert int(found["CreatedTimestamp"]) > 0
    sqs.create_queue(QueueName="dead")
    redrive = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead","maxReceiveCount":5}'
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive, "MessageRetentionPeriod": "1209600"})
    asked = ["RedrivePolicy", "MessageRetentionPeriod", "Policy"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
    assert found == {"RedrivePolicy": redrive, "MessageRetentionPeriod": "1209600"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": ""})
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])


@pytest.mark.parametrize(
    "attributes, error",
    [
        ({"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
        ({"MessageRetentionPeriod": "soon"}, "InvalidAttributeValue"),
        ({"Policy": "no policy"}, "InvalidAttributeValue"),
        ({"RedrivePolicy": '{"maxReceiveCount": 5}'}, "InvalidAttributeValue"),
        ({"FifoQueue": "true"}, "InvalidAttributeName"),
        ({"QueueArn": "arn:aws:sqs:us-east-1:123456789012:other"}, "InvalidAttributeName"),
    ],
)
def test_an_attribute_that_sqs_would_refuse_is_refused(sqs: Any, attributes: dict[str, str], error: str) -> None:
    """A value out of range and an attribute that cannot be set raise the error of SQS's model, and make no queue."""
    with pytest.raises(getattr(sqs.exceptions, error)):
        sqs.create_queue(QueueName="feedback", Attributes=attributes)
    assert "QueueUrls" not in sqs.list_queues()


def test_a_dead_letter_queue_exists_before_it_is_named(sqs: Any) -> None:
    """SQS refuses a redrive policy whose target is no queue, for a new queue and for one that exists."""
    redrive = {"RedrivePolicy": '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead","maxReceiveCount":5}'}
    url = sqs.create_queue(QueueName="feedback")["QueueUrl"]
    for call, request in (
        (sqs.create_queue, {"QueueName": "other"}),
        (sqs.set_queue_attributes, {"QueueUrl": url}),
    ):
        with pytest.raises(ClientError, match="Dead letter target does not exist") as caught:
            call(**request, Attributes=redrive)
        assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"
    assert sqs.list_queues()["QueueUrls"] == [url]


def test_tags_are_kept(sqs: Any) -> None:
    """Tags come with the queue or later, are replaced by name, and can be removed."""
    url = sqs.create_queue(QueueName="feedback", tags={"postern": "main"})["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"postern": "other", "team": "mail"})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"postern": "other", "team": "mail"}
    sqs.untag_queue(QueueUrl=url, TagKeys=["team", "postern"])
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url)


def test_a_deleted_queue_is_gone_with_its_messages(sqs: Any) -> None:
    """A queue of the same name that is made afterwards is empty and has no tags."""
    url = sqs.create_queue(QueueName="feedback", tags={"postern": "main"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="old")
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl=url, MessageBody="new")
    assert sqs.create_queue(QueueName="feedback")["QueueUrl"] == url
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url)


def test_a_request_without_a_signature_is_refused(simulator: Simulator) -> None:
    """Credentials may be any, but there must be some; the error names the missing token."""
    target = {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "application/x-amz-json-1.0"}
    answer = fetch(simulator, "/", method="POST", content={}, headers=target)
    assert (answer.status, answer.headers["x-amzn-query-error"]) == (403, "MissingAuthenticationToken;Sender")
