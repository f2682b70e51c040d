"""The simulator's SNS, as boto3 and a subscriber see it: handshake, signatures, headers, retries."""

import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator import Options, Simulator
from simulator.sns.retries import retry_delays
from tests.support.aws.simulator import Endpoint, client, control, fetch, listening, subscribe, until


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator that tries deliveries again at once."""
    with Simulator(Options(data=tmp_path, retry_delay=0.02, delivery_timeout=0.3)) as running:
        yield running


def ended(simulator: Simulator) -> dict[str, int]:
    """Return the delivery counts once no delivery is under way."""
    counts: dict[str, int] = until(
        lambda: (
            found
            if (found := control(simulator, "GET", "deliveries")["counts"])["pending"] == 0 and found["tries"]
            else {}
        )
    )
    return counts


def test_nothing_comes_before_the_handshake(simulator: Simulator, sns: Any) -> None:
    """An endpoint that does not confirm gets the token and no notification, however many are published."""
    with listening(simulator, confirms=False) as endpoint:
        topic_arn = sns.create_topic(Name="feedback")["TopicArn"]
        answer = sns.subscribe(TopicArn=topic_arn, Protocol="http", Endpoint=endpoint.url)
        until(lambda: endpoint.received)
        sns.publish(TopicArn=topic_arn, Message="too early")
        ended(simulator)
    (confirmation,) = endpoint.received
    assert answer["SubscriptionArn"] == "pending confirmation"
    assert confirmation.envelope["Type"] == "SubscriptionConfirmation"
    assert confirmation.headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    assert "x-amz-sns-subscription-arn" not in confirmation.headers
    assert set(confirmation.envelope) == {
        "Type", "MessageId", "Token", "TopicArn", "Message", "SubscribeURL", "Timestamp", "SignatureVersion",
        "Signature", "SigningCertURL",
    }  # fmt: skip


def test_a_wrong_token_confirms_nothing(sns: Any) -> None:
    """ConfirmSubscription needs the token that the endpoint got."""
    topic_arn = sns.create_topic(Name="feedback")["TopicArn"]
    with pytest.raises(ClientError) as caught:
        sns.confirm_subscription(TopicArn=topic_arn, Token="guessed")
    assert caught.value.response["Error"]["Code"] == "InvalidParameter"


@pytest.mark.parametrize("version", ["1", "2"])
def test_notifications_are_signed_in_the_version_of_the_topic(
    simulator: Simulator, endpoint: Endpoint, sns: Any, version: str
) -> None:
    """The endpoint, which refuses what it cannot verify, gets the text, the subject, every field and header."""
    topic_arn = subscribe(simulator, endpoint, version=version)
    message_id = sns.publish(TopicArn=topic_arn, Message="Grüße\nfrom here", Subject="A subject")["MessageId"]
    (received,) = until(endpoint.notifications)
    envelope, headers = received.envelope, received.headers
    assert endpoint.forged == []
    assert (envelope["MessageId"], envelope["SignatureVersion"]) == (message_id, version)
    assert (envelope["Message"], envelope["Subject"]) == ("Grüße\nfrom here", "A subject")
    assert envelope["SigningCertURL"].startswith("https://sns.us-east-1.amazonaws.com/SimpleNotificationService-")
    assert envelope["UnsubscribeURL"].startswith("https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&")
    assert headers["content-type"] == "text/plain; charset=UTF-8"
    assert headers["user-agent"] == "Amazon Simple Notification Service Agent"
    assert headers["x-amz-sns-message-type"] == "Notification"
    assert headers["x-amz-sns-message-id"] == message_id
    assert headers["x-amz-sns-topic-arn"] == topic_arn
    assert headers["x-amz-sns-subscription-arn"].startswith(topic_arn + ":")


def test_a_message_without_subject_has_no_such_key(simulator: Simulator, endpoint: Endpoint, sns: Any) -> None:
    """The Subject key is absent, not empty, when none was given."""
    sns.publish(TopicArn=subscribe(simulator, endpoint), Message="plain")
    assert "Subject" not in until(endpoint.notifications)[0].envelope


def test_server_errors_are_tried_again_under_the_same_message_id(
    simulator: Simulator, endpoint: Endpoint, sns: Any
) -> None:
    """503 twice and then 200: three POSTs of one message id, and the delivery counts as made."""
    topic_arn = subscribe(simulator, endpoint)
    endpoint.answers = [503, 503]
    sns.publish(TopicArn=topic_arn, Message="again")
    until(lambda: len(endpoint.notifications()) == 3)
    counts = ended(simulator)
    assert len({each.envelope["MessageId"] for each in endpoint.notifications()}) == 1
    assert (counts["delivered"], counts["lost"]) == (2, 0)
    log = control(simulator, "GET", "deliveries?limit=1")["deliveries"]
    assert [attempt["status"] for attempt in log[0]["tries"]] == [503, 503, 200]


def test_too_many_requests_is_tried_again(simulator: Simulator, endpoint: Endpoint, sns: Any) -> None:
    """429 is the one client error that SNS tries again."""
    topic_arn = subscribe(simulator, endpoint)
    endpoint.answers = [429]
    sns.publish(TopicArn=topic_arn, Message="again")
    until(lambda: len(endpoint.notifications()) == 2)
    assert ended(simulator)["lost"] == 0


@pytest.mark.parametrize("status", [400, 403, 404, 415, 308])
def test_any_other_refusal_loses_the_message(simulator: Simulator, endpoint: Endpoint, sns: Any, status: int) -> None:
    """Client errors and redirects are final: one POST, and the loss is counted."""
    topic_arn = subscribe(simulator, endpoint)
    endpoint.answers = [status]
    sns.publish(TopicArn=topic_arn, Message="lost")
    until(endpoint.notifications)
    counts = ended(simulator)
    assert len(endpoint.notifications()) == 1
    assert (counts["lost"], counts["dead_letter"]) == (1, 0)


def test_exhausted_tries_end_in_the_dead_letter_queue(simulator: Simulator, endpoint: Endpoint, sns: Any) -> None:
    """After the first try and three more, a subscription with a redrive policy keeps the message, others lose it."""
    topic_arn = subscribe(simulator, endpoint)
    endpoint.answers = [500] * 4
    sns.publish(TopicArn=topic_arn, Message="lost")
    until(lambda: len(endpoint.notifications()) == 4)
    assert ended(simulator)["lost"] == 1
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]
    sns.set_subscription_attributes(
        SubscriptionArn=subscription["SubscriptionArn"],
        AttributeName="RedrivePolicy",
        AttributeValue='{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead"}',
    )
    endpoint.answers = [500] * 4
    sns.publish(TopicArn=topic_arn, Message="kept")
    until(lambda: control(simulator, "GET", "deliveries")["dead_letters"])
    (sealed_email,) = control(simulator, "GET", "deliveries")["dead_letters"]
    assert sealed_email["body"]["Message"] == "kept"


def test_a_delivery_policy_decides_the_tries(simulator: Simulator, endpoint: Endpoint, sns: Any) -> None:
    """A subscription's own policy of one immediate retry gives two POSTs."""
    topic_arn = subscribe(simulator, endpoint)
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]
    sns.set_subscription_attributes(
        SubscriptionArn=subscription["SubscriptionArn"],
        AttributeName="DeliveryPolicy",
        AttributeValue='{"healthyRetryPolicy":{"numRetries":1,"numNoDelayRetries":1}}',
    )
    endpoint.answers = [500] * 4
    sns.publish(TopicArn=topic_arn, Message="twice")
    until(lambda: ended(simulator)["lost"] == 1)
    assert len(endpoint.notifications()) == 2


def test_retries_follow_the_phases_of_a_policy_within_an_hour() -> None:
    """SNS's default is three tries 20 s apart; a full policy has its four phases in order; an hour is the end."""
    policy = {
        "minDelayTarget": 1,
        "maxDelayTarget": 60,
        "numRetries": 50,
        "numNoDelayRetries": 3,
        "numMinDelayRetries": 2,
        "numMaxDelayRetries": 35,
        "backoffFunction": "exponential",
    }
    delays = retry_delays(policy, 20.0)
    backing_off = delays[5:15]
    assert retry_delays({}, 20.0) == [20.0] * 3
    assert delays[:5] == [0, 0, 0, 1, 1]
    assert delays[15:] == [60] * 35
    assert backing_off == sorted(backing_off)
    assert (backing_off[0], round(backing_off[-1], 6)) == (1, 60)
    assert sum(retry_delays({"minDelayTarget": 600, "maxDelayTarget": 600, "numRetries": 100}, 20.0)) == 3600


def test_an_unreachable_endpoint_is_tried_again(simulator: Simulator, endpoint: Endpoint, sns: Any) -> None:
    """A refused connection counts as a server error: four tries, then lost."""
    topic_arn = subscribe(simulator, endpoint)
    with listening(simulator) as gone:
        sns.subscribe(TopicArn=topic_arn, Protocol="http", Endpoint=gone.url)
        until(lambda: len(sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]) == 2)
        until(lambda: ended(simulator)["delivered"] == 2)
    sns.publish(TopicArn=topic_arn, Message="hello")
    until(lambda: ended(simulator)["lost"] == 1)
    lost = [each for each in control(simulator, "GET", "deliveries")["deliveries"] if each["state"] == "lost"]
    assert len(lost[0]["tries"]) == 4
    assert all("error" in attempt for attempt in lost[0]["tries"])


def test_unsubscribing_is_confirmed_and_can_be_undone(simulator: Simulator, endpoint: Endpoint, sns: Any) -> None:
    """The endpoint gets a signed UnsubscribeConfirmation, nothing more, until its token restores the subscription."""
    topic_arn = subscribe(simulator, endpoint)
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    farewell = until(lambda: [each for each in endpoint.received if each.envelope["Type"] == "UnsubscribeConfirmation"])
    sns.publish(TopicArn=topic_arn, Message="unheard")
    sns.confirm_subscription(TopicArn=topic_arn, Token=farewell[0].envelope["Token"])
    sns.publish(TopicArn=topic_arn, Message="heard")
    until(endpoint.notifications)
    assert [each.envelope["Message"] for each in endpoint.notifications()] == ["heard"]


def test_an_authenticated_subscription_cannot_be_ended_by_its_url(simulator: Simulator, endpoint: Endpoint) -> None:
    """After AuthenticateOnUnsubscribe, the UnsubscribeURL without credentials is refused."""
    topic_arn = subscribe(simulator, endpoint)
    (subscription,) = client("sns", simulator).list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]
    query = urllib.parse.urlencode({"Action": "Unsubscribe", "SubscriptionArn": subscription["SubscriptionArn"]})
    assert fetch(simulator, f"/?{query}").status == 403


def test_what_does_not_exist_is_not_found(sns: Any) -> None:
    """Topics and subscriptions by unknown ARNs answer SNS's NotFound."""
    unknown = "arn:aws:sns:us-east-1:123456789012:nowhere"
    with pytest.raises(ClientError) as publishing:
        sns.publish(TopicArn=unknown, Message="x")
    with pytest.raises(ClientError) as looking:
        sns.get_subscription_attributes(SubscriptionArn=unknown + ":1")
    codes = [caught.value.response["Error"]["Code"] for caught in (publishing, looking)]
    assert codes == ["NotFound", "NotFound"]


def test_topic_attributes_are_kept(sns: Any) -> None:
    """Attributes given at creation and later are shown; an unknown signature version is refused."""
    topic_arn = sns.create_topic(Name="feedback", Attributes={"DisplayName": "Feedback"})["TopicArn"]
    sns.set_topic_attributes(TopicArn=topic_arn, AttributeName="SignatureVersion", AttributeValue="2")
    attributes = sns.get_topic_attributes(TopicArn=topic_arn)["Attributes"]
    assert (attributes["DisplayName"], attributes["SignatureVersion"]) == ("Feedback", "2")
    assert [topic["TopicArn"] for topic in sns.list_topics()["Topics"]] == [topic_arn]
    with pytest.raises(ClientError):
        sns.set_topic_attributes(TopicArn=topic_arn, AttributeName="SignatureVersion", AttributeValue="3")
