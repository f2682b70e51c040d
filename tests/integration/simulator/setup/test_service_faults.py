"""Faults of SNS, SQS, STS and of SES's set-up calls: each service answers in its own words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from simulator import Options, Simulator
from tests.support.aws.simulator import client, control, send

USER = "arn:aws:iam::123456789012:user/simulator"
SNS, SQS, SES = (f"arn:aws:{name}:us-east-1:123456789012:" for name in ("sns", "sqs", "ses"))


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator with a fixed random seed."""
    with Simulator(Options(data=tmp_path, seed=7)) as running:
        yield running


def strike(simulator: Simulator, fault: str, operation: str, **match: Any) -> None:
    """Make the next calls of an operation fail."""
    control(simulator, "POST", "faults", [{"fault": fault, "match": {"operation": operation, **match}}])


def refused(call: Any, **request: Any) -> dict[str, Any]:
    """Make a call that must be refused, and return boto3's response."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    response: dict[str, Any] = dict(caught.value.response)
    return response


@pytest.mark.parametrize(
    "service, operation, request_, action, resource",
    [
        ("sns", "CreateTopic", {"Name": "feedback"}, "SNS:CreateTopic", SNS + "feedback"),
        ("sns", "TagResource", {"ResourceArn": SNS + "x", "Tags": []}, "SNS:TagResource", SNS + "x"),
        ("sns", "Unsubscribe", {"SubscriptionArn": SNS + "x:1"}, "SNS:Unsubscribe", SNS + "x"),
        ("sqs", "CreateQueue", {"QueueName": "intake"}, "sqs:createqueue", SQS + "intake"),
        (
            "sqs",
            "DeleteMessageBatch",
            {"QueueUrl": "http://127.0.0.1/123456789012/intake", "Entries": []},
            "sqs:deletemessage",
            SQS + "intake",
        ),
        (
            "sesv2",
            "CreateEmailIdentity",
            {"EmailIdentity": "example.com"},
            "ses:CreateEmailIdentity",
            SES + "identity/example.com",
        ),
        (
            "sesv2",
            "GetConfigurationSet",
            {"ConfigurationSetName": "postern"},
            "ses:GetConfigurationSet",
            SES + "configuration-set/postern",
        ),
        ("sesv2", "GetAccount", {}, "ses:GetAccount", "*"),
    ],
)
def test_a_denied_action_is_named_in_the_words_of_aws(
    simulator: Simulator, service: str, operation: str, request_: dict[str, Any], action: str, resource: str
) -> None:
    """A rule for AccessDenied gives each service's own code, the action as the service spells it, and the resource."""
    strike(simulator, "403:AccessDenied", operation)
    aws = client(service, simulator)
    method = aws.meta.method_to_api_mapping
    name = next(name for name, api in method.items() if api == operation)
    response = refused(getattr(aws, name), **request_)
    codes = {"sns": "AuthorizationError", "sqs": "AccessDenied", "sesv2": "AccessDeniedException"}
    assert response["Error"]["Code"] == codes[service]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert response["Error"]["Message"] == (
        f"User: {USER} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


def test_a_denied_send_names_the_identity(simulator: Simulator) -> None:
    """SES has other words for sending."""
    strike(simulator, "403:AccessDenied", "SendEmail")
    error = refused(lambda: send(client("sesv2", simulator), "ann@example.com"))["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert error["Message"] == (
        f"User `{USER}' is not authorized to perform `ses:SendEmail' on resource `{SES}identity/example.com'"
    )


@pytest.mark.parametrize(
    "fault, codes",
    [
        ("403:ExpiredToken", ["ExpiredTokenException", "ExpiredToken", "ExpiredToken", "ExpiredToken"]),
        (
            "403:InvalidClientTokenId",
            ["UnrecognizedClientException", "InvalidClientTokenId", "InvalidClientTokenId", "InvalidClientTokenId"],
        ),
        ("429", ["TooManyRequestsException", "Throttling", "RequestThrottled", "Throttling"]),
        ("400:Throttling", ["TooManyRequestsException", "Throttling", "RequestThrottled", "Throttling"]),
        ("500_before", ["InternalServiceErrorException", "InternalError", "InternalFailure", "InternalFailure"]),
    ],
)
def test_each_service_has_its_own_name_for_what_all_refuse(simulator: Simulator, fault: str, codes: list[str]) -> None:
    """An expired or unknown token, throttling and a failure, of SES, SNS, SQS and STS."""
    strike(simulator, fault, "*")
    calls = [
        client("sesv2", simulator).get_account,
        client("sns", simulator).list_topics,
        client("sqs", simulator).list_queues,
        client("sts", simulator).get_caller_identity,
    ]
    assert [refused(call)["Error"]["Code"] for call in calls] == codes


def test_modelled_errors_are_of_their_class(simulator: Simulator) -> None:
    """What boto3's models have can be caught by class: throttled queues, denied topics."""
    control(simulator, "POST", "faults", [{"fault": "429", "match": {"operation": "sqs:*"}},
                                          {"fault": "403:AccessDenied", "match": {"operation": "sns:*"}}])  # fmt: skip
    sqs, sns = client("sqs", simulator), client("sns", simulator)
    with pytest.raises(sqs.exceptions.RequestThrottled):
        sqs.list_queues()
    with pytest.raises(sns.exceptions.AuthorizationErrorException):
        sns.list_topics()


def test_a_rule_may_be_for_one_service(simulator: Simulator) -> None:
    """Two services have TagResource: with a prefix only one fails, without it both do, so often in all."""
    sns, ses = client("sns", simulator), client("sesv2", simulator)
    topic = {"ResourceArn": sns.create_topic(Name="feedback")["TopicArn"], "Tags": [{"Key": "a", "Value": "b"}]}
    ses.create_email_identity(EmailIdentity="example.com")
    identity = topic | {"ResourceArn": SES + "identity/example.com"}
    strike(simulator, "403:AccessDenied", "sns:TagResource")
    refused(sns.tag_resource, **topic)
    ses.tag_resource(**identity)
    strike(simulator, "403:AccessDenied", "ses:TagResource", count=1)
    sns.tag_resource(**topic)
    refused(ses.tag_resource, **identity)
    ses.tag_resource(**identity)
    strike(simulator, "403:AccessDenied", "TagResource", count=2)
    refused(sns.tag_resource, **topic)
    refused(ses.tag_resource, **identity)
    sns.tag_resource(**topic)


def test_words_and_code_of_a_rule_are_kept(simulator: Simulator) -> None:
    """A code that only one service has, and words that are given, come as they are, in the service's shape."""
    strike(simulator, "400:AWS.SimpleQueueService.NonExistentQueue:Gone for a test", "sqs:ReceiveMessage")
    sqs = client("sqs", simulator)
    url = sqs.create_queue(QueueName="intake")["QueueUrl"]
    with pytest.raises(sqs.exceptions.QueueDoesNotExist, match="Gone for a test"):
        sqs.receive_message(QueueUrl=url)
    strike(simulator, "403:TopicLimitExceeded", "sns:CreateTopic")
    sns = client("sns", simulator)
    with pytest.raises(sns.exceptions.TopicLimitExceededException):
        sns.create_topic(Name="feedback")


@pytest.mark.parametrize("when, made", [("before", False), ("after", True)])
@pytest.mark.parametrize(
    "kind, error", [("hang", ReadTimeoutError), ("close", ConnectionClosedError), ("500", ClientError)]
)
def test_a_call_may_get_no_answer(
    simulator: Simulator, when: str, made: bool, kind: str, error: type[Exception]
) -> None:
    """A hang, a closed connection and a failure, before the call takes effect or after it."""
    for operation, service, name, request in (
        ("sns:CreateTopic", "sns", "create_topic", {"Name": "feedback"}),
        ("sqs:CreateQueue", "sqs", "create_queue", {"QueueName": "intake"}),
        ("ses:CreateConfigurationSet", "sesv2", "create_configuration_set", {"ConfigurationSetName": "postern"}),
    ):
        strike(simulator, f"{kind}_{when}", operation)
        with pytest.raises(error):
            getattr(client(service, simulator, read_timeout=0.3), name)(**request)
    found = control(simulator, "GET", "resources")
    assert [bool(found[name]) for name in ("topics", "queues", "configuration_sets")] == [made] * 3


def test_a_latency_delays_and_does_no_harm(simulator: Simulator) -> None:
    """The call takes longer than the client's patience with the rule, and is answered without it."""
    strike(simulator, "latency", "sqs:ListQueues", count=1)
    with pytest.raises(ReadTimeoutError):
        client("sqs", simulator, read_timeout=0.3).list_queues()
    assert "QueueUrls" not in client("sqs", simulator).list_queues()
