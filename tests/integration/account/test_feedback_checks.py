"""The checks of the way that events take at AWS: topic, subscription, queues. Each fault comes with its fix."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.aws.setup.checks import account
from app.aws.setup.checks.clients import AwsClients, AwsClock
from app.aws.setup.checks.everything import AwsChecks
from app.domain.account.findings import Finding, Status
from app.store.engine.clock import host_clock
from app.wiring.doctor import wanted
from simulator import Options, Simulator
from tests.integration.account.aws_clients import clients_of
from tests.support.aws.setup.bare_account import BareAccount
from tests.support.aws.simulator import listening, until
from tests.support.gateway.gateways import settings_for

TARGET = "/feedback/sns"
ACCOUNT = "123456789012"
SET = f"arn:aws:ses:us-east-1:{ACCOUNT}:configuration-set/postern"
PATIENT = {
    "healthyRetryPolicy": {"numRetries": 50, "minDelayTarget": 1, "maxDelayTarget": 60, "numMaxDelayRetries": 35}
}


class Account:
    """An account with a topic and a confirmed subscription, and what the checks find in it."""

    def __init__(self, simulator: Simulator, public_url: str) -> None:
        self.clients: AwsClients = clients_of(simulator)
        self.public_url = public_url
        setup = BareAccount(self.clients.ses, self.clients.sns)
        self.topic = setup.make_topic("postern")
        setup.subscribe(self.topic, public_url)
        until(lambda: setup.is_confirmed(self.topic, public_url))
        self.sqs = self.clients.sqs_of(None)

    @property
    def subscription(self) -> str:
        [one] = self.clients.sns.list_subscriptions_by_topic(TopicArn=self.topic)["Subscriptions"]
        return str(one["SubscriptionArn"])

    def find(self, *queue_urls: str, public_url: str | None = None) -> dict[str, Finding]:
        """The findings by name, of a gateway with these queues."""
        given = settings_for(
            "sqlite:///unused.db",
            "redis://127.0.0.1:9",
            public_url=public_url or self.public_url,
            sns_topic_arns=self.topic,
            sqs_queue_urls=queue_urls,
        )
        return {one.name: one for one in AwsChecks(self.clients)(wanted(given, senders=("@example.com",)))}

    def set_topic(self, name: str, value: Any) -> None:
        """Set an attribute of the topic."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.clients.sns.set_topic_attributes(TopicArn=self.topic, AttributeName=name, AttributeValue=text)

    def set_subscription(self, name: str, value: Any) -> None:
        """Set an attribute of the subscription."""
        self.clients.sns.set_subscription_attributes(
            SubscriptionArn=self.subscription, AttributeName=name, AttributeValue=json.dumps(value)
        )

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        """Make a queue; its URL and ARN."""
        url = str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return url, found["QueueArn"]

    def fed_queue(self, name: str = "postern-feedback", **attributes: str) -> str:
        """Make a queue as it should be, subscribed to the topic; its URL."""
        url, arn = self.queue(name, **{"MessageRetentionPeriod": "1209600"} | attributes)
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(self.sns_writes(arn))})
        self.clients.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        return url

    def sns_writes(self, arn: str, **more: Any) -> dict[str, Any]:
        """The policy of a queue that SNS alone may write to, for our topic."""
        condition = {"ArnEquals": {"aws:SourceArn": self.topic}}
        statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        return policy({**statement, "Resource": arn, "Condition": condition} | more)


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Account]:
    with Simulator(Options(data=tmp_path)) as simulator, listening(simulator) as endpoint:
        yield Account(simulator, endpoint.url.removesuffix(TARGET))


def ses_publishes(topic: str, **more: Any) -> dict[str, Any]:
    """The statement that lets SES publish for our account and set."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "ses.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"StringEquals": {"AWS:SourceAccount": ACCOUNT, "AWS:SourceArn": SET}},
    } | more


def test_aws_says_whose_credentials_these_are(aws: Account) -> None:
    """A call that needs no permission."""
    assert aws.find()["credentials"].found == f"account {ACCOUNT}"


def test_a_policy_that_keeps_ses_out_is_a_fault(aws: Account) -> None:
    """It allows another account; the fix has the account and the set."""
    aws.set_topic("Policy", policy(ses_publishes(aws.topic)))
    assert aws.find()["policy of postern-feedback"].found == "SES may publish"
    other = {"StringEquals": {"AWS:SourceAccount": "999999999999"}}
    aws.set_topic("Policy", policy(ses_publishes(aws.topic, Condition=other)))
    fault = aws.find()["policy of postern-feedback"]
    assert (fault.ok, fault.found) == (False, "SES may not publish")
    assert SET in fault.fix


def test_a_policy_that_lets_everybody_in_is_a_warning(aws: Account) -> None:
    """Anybody, or SES on behalf of any account; what they publish carries a signature all the same."""
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": aws.topic}
    aws.set_topic("Policy", policy(ses_publishes(aws.topic), everybody))
    one = aws.find()["policy of postern-feedback"]
    assert (one.status, one.found) == (Status.WARNING, "anybody may publish")
    aws.set_topic("Policy", policy({**ses_publishes(aws.topic), "Condition": {}}))
    assert aws.find()["policy of postern-feedback"].found == "SES may publish for any AWS account"


def test_an_encrypted_topic_needs_a_key_that_lets_ses_use_it(aws: Account) -> None:
    """AWS's own key never does; of one of yours the fix says what its policy needs."""
    aws.set_topic("KmsMasterKeyId", "alias/aws/sns")
    assert aws.find()["encryption of postern-feedback"].ok is False
    aws.set_topic("KmsMasterKeyId", "alias/mine")
    one = aws.find()["encryption of postern-feedback"]
    assert one.status is Status.WARNING
    assert "kms:GenerateDataKey* and kms:Decrypt" in one.fix


def test_a_subscription_that_gives_up_soon_is_noticed(aws: Account) -> None:
    """A simulator's is skipped; at AWS events would be lost. One that lasts is well."""
    assert aws.find()["retries of postern-feedback"].status is Status.SKIPPED
    aws.set_subscription("DeliveryPolicy", PATIENT)
    one = aws.find()["retries of postern-feedback"]
    assert (one.status, one.found) == (Status.WELL, "for 35 minutes")


def test_dead_letters_are_a_fault_with_the_command_that_brings_them_back(aws: Account) -> None:
    """An empty queue is well."""
    url, arn = aws.queue("postern-dead")
    aws.set_subscription("RedrivePolicy", {"deadLetterTargetArn": arn})
    assert aws.find()["dead letters of postern-feedback"].found == "none"
    aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    fault = aws.find()["dead letters of postern-feedback"]
    assert (fault.ok, fault.found) == (False, "1 wait in postern-dead")
    assert f"./postern feedback redrive {url}" in fault.fix


def test_a_queue_that_is_set_up_is_well(aws: Account) -> None:
    """There, subscribed, written by SNS alone, kept for 14 days; then no HTTPS subscription is needed."""
    url = aws.fed_queue()
    found = aws.find(url, public_url="http://127.0.0.1:9")
    of_queue = {name: one for name, one in found.items() if one.group == "queues"}
    assert {one.status for one in of_queue.values()} == {Status.WELL}
    assert set(of_queue) == {
        "queue postern-feedback",
        "subscription of queue postern-feedback",
        "policy of queue postern-feedback",
        "retention of queue postern-feedback",
    }
    assert found["sqs:DeleteMessage"].ok
    assert found["sqs:ChangeMessageVisibility"].ok
    assert "sns:ConfirmSubscription" not in found


def test_a_queue_that_does_not_exist_is_a_fault(aws: Account) -> None:
    """Its URL names another, or it was removed."""
    url = aws.fed_queue()
    assert aws.find(url + "-old")["queue postern-feedback-old"].ok is False


def test_a_queue_that_gets_nothing_is_a_fault(aws: Account) -> None:
    """It is not subscribed, and SNS may not write to it."""
    url, arn = aws.queue("lonely")
    found = aws.find(url)
    assert found["subscription of queue lonely"].found == "it is subscribed to none of our topics"
    assert arn in found["subscription of queue lonely"].fix
    assert found["policy of queue lonely"].found == "SNS may not write"
    assert aws.topic in found["policy of queue lonely"].fix
    assert found["retention of queue lonely"].status is Status.WARNING


def test_a_queue_that_anybody_may_write_to_is_a_warning(aws: Account) -> None:
    """Each envelope is verified all the same, and the fix says so."""
    url = aws.fed_queue("open")
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy(everybody))})
    one = aws.find(url)["policy of queue open"]
    assert (one.status, one.found) == (Status.WARNING, "anybody may write")
    assert "verified all the same" in one.fix


def test_the_dead_letters_of_a_queue_are_a_fault(aws: Account) -> None:
    """A queue that gives up after few receives is a warning."""
    dead, arn = aws.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    url = aws.fed_queue("fed", RedrivePolicy=redrive)
    aws.sqs.send_message(QueueUrl=dead, MessageBody="{}")
    found = aws.find(url)
    assert found["receives of queue fed"].status is Status.WARNING
    assert found["dead letters of queue fed"].fix.endswith(f"`./postern feedback redrive {dead}`")


@pytest.mark.parametrize(
    "ahead, status",
    [
        (timedelta(seconds=2), Status.WELL),
        (timedelta(seconds=-60), Status.WARNING),
        (timedelta(minutes=6), Status.WRONG),
    ],
)
def test_a_clock_that_is_far_from_that_of_aws_is_found(aws: Account, ahead: timedelta, status: Status) -> None:
    """AWS refuses calls that are five minutes off; the time is that of its answers."""
    answered = (host_clock() - ahead).strftime("%a, %d %b %Y %H:%M:%S GMT")
    aws.clients.clock.note(SimpleNamespace(headers={"Date": answered}))
    [one] = account.clock(aws.clients)
    assert one.status is status
    assert bool(one.fix) is (status is not Status.WELL)


@pytest.mark.parametrize("headers", [{}, {"Date": "soon"}, {"Date": ""}])
def test_an_answer_without_a_time_says_nothing(headers: dict[str, str]) -> None:
    """The check is skipped."""
    clock = AwsClock(host_clock)
    clock.note(SimpleNamespace(headers=headers))
    assert clock.ahead is None
