"""The simulator's SQS messages, as boto3 sees them: sent, received, hidden, deleted, moved aside."""

import json
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator import Simulator
from tests.support.aws.simulator import client, until

DEAD = "arn:aws:sqs:us-east-1:123456789012:dead"


@pytest.fixture
def sqs(simulator: Simulator) -> Any:
    """A boto3 client of it."""
    return client("sqs", simulator)


@pytest.fixture
def url(sqs: Any) -> str:
    """The URL of an empty queue."""
    return str(sqs.create_queue(QueueName="feedback")["QueueUrl"])


def receive(sqs: Any, url: str, **request: Any) -> list[dict[str, Any]]:
    """Return the messages of one receive."""
    found: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, **request).get("Messages", [])
    return found


def counted(sqs: Any, url: str) -> tuple[int, int]:
    """Return how many messages are visible and how many are being processed."""
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])


def test_a_message_is_received_as_it_was_sent(sqs: Any, url: str) -> None:
    """Body, id, attributes and the time come back; attributes that are not asked for do not."""
    body = "Grüße\n" + "x" * 100_000
    attribute = {"origin": {"DataType": "String", "StringValue": "test"}}
    before = time.time()
    sent = sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attribute)
    (message,) = receive(sqs, url, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"])
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], body)
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert message["MessageAttributes"] == attribute
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert before - 0.001 <= int(message["Attributes"]["SentTimestamp"]) / 1000 <= time.time()
    sqs.send_message(QueueUrl=url, MessageBody="plain", MessageAttributes=attribute)
    (plain,) = receive(sqs, url)
    assert "Attributes" not in plain
    assert "MessageAttributes" not in plain


def test_a_received_message_is_hidden_and_then_deleted(sqs: Any, url: str) -> None:
    """A second receive finds nothing; the message counts as being processed until it is deleted."""
    sqs.send_message(QueueUrl=url, MessageBody="one")
    assert counted(sqs, url) == (1, 0)
    (message,) = receive(sqs, url)
    assert receive(sqs, url) == []
    assert counted(sqs, url) == (0, 1)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert counted(sqs, url) == (0, 0)


def test_a_message_that_is_not_deleted_comes_back(sqs: Any, url: str) -> None:
    """It has a new receipt handle and a higher count; the old handle deletes nothing, without an error."""
    sqs.send_message(QueueUrl=url, MessageBody="one")
    (first,) = receive(sqs, url, VisibilityTimeout=1)
    (second,) = receive(sqs, url, WaitTimeSeconds=5, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    assert second["MessageId"] == first["MessageId"]
    assert second["Attributes"] == {"ApproximateReceiveCount": "2"}
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert counted(sqs, url) == (0, 1)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
    assert counted(sqs, url) == (0, 0)


def test_visibility_can_be_shortened_and_prolonged(sqs: Any, url: str) -> None:
    """Zero gives the message back at once; then its handle is no longer in flight; a longer time keeps it hidden."""
    sqs.send_message(QueueUrl=url, MessageBody="one")
    (message,) = receive(sqs, url)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    with pytest.raises(sqs.exceptions.MessageNotInflight):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=5)
    (message,) = receive(sqs, url, VisibilityTimeout=1)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=60)
    assert receive(sqs, url, WaitTimeSeconds=2) == []


def test_a_long_poll_ends_as_soon_as_a_message_comes(simulator: Simulator, sqs: Any, url: str) -> None:
    """A receive that waits up to 20 s gets a message that is sent meanwhile, within a fraction of a second."""
    waiting = client("sqs", simulator, read_timeout=25)
    found: list[dict[str, Any]] = []
    moments: list[float] = []

    def wait() -> None:
        found.extend(receive(waiting, url, WaitTimeSeconds=20))
        moments.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    sent_at = time.monotonic()
    sqs.send_message(QueueUrl=url, MessageBody="at last")
    thread.join(timeout=10)
    assert [message["Body"] for message in found] == ["at last"]
    assert moments[0] - sent_at < 2


def test_a_long_poll_of_an_empty_queue_ends_in_time(sqs: Any, url: str) -> None:
    """It waits for as long as it was asked to, and has no messages."""
    started = time.monotonic()
    assert receive(sqs, url, WaitTimeSeconds=1) == []
    assert 1 <= time.monotonic() - started < 5


def test_ten_messages_are_the_most(sqs: Any, url: str) -> None:
    """Of twelve messages, a receive returns one by default and ten at most; it refuses to be asked for more."""
    entries = [{"Id": str(number), "MessageBody": f"message {number}"} for number in range(6)]
    for _ in range(2):
        assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 6
    assert len(receive(sqs, url)) == 1
    assert len(receive(sqs, url, MaxNumberOfMessages=10)) == 10
    assert len(receive(sqs, url, MaxNumberOfMessages=10)) == 1
    with pytest.raises(ClientError) as caught:
        receive(sqs, url, MaxNumberOfMessages=11)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_a_batch_says_what_became_of_each_entry(sqs: Any, url: str) -> None:
    """A handle that is none fails alone; a batch without entries, with eleven or with one id twice is refused."""
    sqs.send_message(QueueUrl=url, MessageBody="one")
    (message,) = receive(sqs, url)
    entries = [{"Id": "good", "ReceiptHandle": message["ReceiptHandle"]}, {"Id": "bad", "ReceiptHandle": "guessed"}]
    hidden = [entry | {"VisibilityTimeout": 40} for entry in entries]
    for answer in (
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=hidden),
        sqs.delete_message_batch(QueueUrl=url, Entries=entries),
    ):
        assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
        assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("bad", "ReceiptHandleIsInvalid")]
    assert counted(sqs, url) == (0, 0)
    with pytest.raises(sqs.exceptions.EmptyBatchRequest):
        sqs.delete_message_batch(QueueUrl=url, Entries=[])
    eleven = [{"Id": str(number), "MessageBody": "x"} for number in range(11)]
    with pytest.raises(sqs.exceptions.TooManyEntriesInBatchRequest):
        sqs.send_message_batch(QueueUrl=url, Entries=eleven)
    with pytest.raises(sqs.exceptions.BatchEntryIdsNotDistinct):
        sqs.send_message_batch(QueueUrl=url, Entries=[eleven[0], eleven[0]])


def test_a_message_that_is_received_too_often_is_moved_aside(sqs: Any, url: str) -> None:
    """With maxReceiveCount 2, the third receive finds nothing: the message is in the dead-letter queue."""
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": DEAD, "maxReceiveCount": "2"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy})
    sent = sqs.send_message(QueueUrl=url, MessageBody="poison")
    assert [len(receive(sqs, url, VisibilityTimeout=0)) for _ in range(3)] == [1, 1, 0]
    assert counted(sqs, url) == (0, 0)
    (message,) = receive(sqs, dead, MessageSystemAttributeNames=["DeadLetterQueueSourceArn"])
    assert (message["Body"], message["MessageId"]) == ("poison", sent["MessageId"])
    assert message["Attributes"]["DeadLetterQueueSourceArn"].endswith(":feedback")


def test_a_queue_without_its_dead_letter_queue_keeps_the_message(sqs: Any, url: str) -> None:
    """When the queue that the policy names was deleted, nothing is lost."""
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": DEAD, "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy})
    sqs.delete_queue(QueueUrl=dead)
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    assert [len(receive(sqs, url, VisibilityTimeout=0)) for _ in range(3)] == [1, 1, 1]


def test_a_delayed_message_comes_later(sqs: Any, url: str) -> None:
    """It is neither visible nor being processed until its delay has passed."""
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=1)
    assert counted(sqs, url) == (0, 0)
    assert receive(sqs, url) == []
    assert [message["Body"] for message in receive(sqs, url, WaitTimeSeconds=5)] == ["later"]


@pytest.mark.parametrize(
    "request_, code",
    [
        ({"MessageBody": ""}, "MissingParameter"),
        ({"MessageBody": "x" * 1_048_577}, "InvalidParameterValue"),
        ({"MessageBody": "bell \x07"}, "InvalidMessageContents"),
        ({"MessageBody": "x", "DelaySeconds": 901}, "InvalidParameterValue"),
    ],
)
def test_a_message_that_sqs_would_refuse_is_refused(sqs: Any, url: str, request_: Any, code: str) -> None:
    """Empty, larger than 1 MiB, with a control character, or delayed for too long: nothing is stored."""
    with pytest.raises(ClientError) as caught:
        sqs.send_message(QueueUrl=url, **request_)
    assert caught.value.response["Error"]["Code"] == code
    assert counted(sqs, url) == (0, 0)


def test_purging_empties_a_queue(sqs: Any, url: str) -> None:
    """Visible messages and those that are being processed are gone."""
    for _ in range(2):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    receive(sqs, url)
    sqs.purge_queue(QueueUrl=url)
    assert counted(sqs, url) == (0, 0)


def test_a_poll_of_a_queue_that_is_deleted_meanwhile_ends(simulator: Simulator, sqs: Any, url: str) -> None:
    """A consumer does not wait the whole 20 s for a queue that no longer exists."""
    waiting = client("sqs", simulator, read_timeout=25)
    ended: list[list[dict[str, Any]]] = []
    thread = threading.Thread(target=lambda: ended.append(receive(waiting, url, WaitTimeSeconds=20)))
    thread.start()
    time.sleep(0.3)
    sqs.delete_queue(QueueUrl=url)
    assert until(lambda: ended) == [[]]
    thread.join()
