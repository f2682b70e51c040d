"""A simulator in a region of China, or of the government of the United States: other ARNs, hosts and certificates."""

import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from simulator import Options, Simulator
from tests.support.aws.queues import bodies, make_queue
from tests.support.aws.simulator import client, is_authentic, publish_events, send_watched


@pytest.mark.parametrize(
    "region, partition, host, certificate",
    [
        ("eu-west-1", "aws", "sns.eu-west-1.amazonaws.com", "sns.amazonaws.com"),
        ("eu-south-1", "aws", "sns.eu-south-1.amazonaws.com", "sns-signing.eu-south-1.amazonaws.com"),
        ("cn-north-1", "aws-cn", "sns.cn-north-1.amazonaws.com.cn", "sns-cn-north-1.amazonaws.com.cn"),
        ("us-gov-east-1", "aws-us-gov", "sns.us-gov-east-1.amazonaws.com", "sns-us-gov-west-1.amazonaws.com"),
    ],
)
def test_names_are_those_of_the_partition(
    tmp_path: Path, region: str, partition: str, host: str, certificate: str
) -> None:
    """Topic, queue, caller and event carry the partition; the signature is by a certificate of the region's name."""
    with Simulator(Options(data=tmp_path, region=region, event_delay=(0.001, 0.002))) as simulator:
        sns = client("sns", simulator)
        topic = sns.create_topic(Name="feedback")["TopicArn"]
        queue = make_queue(simulator, "intake", topics=[topic])
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
        caller = client("sts", simulator).get_caller_identity()["Arn"]
        publish_events(simulator, topic)
        send_watched(client("sesv2", simulator), "ann@example.com")
        envelopes = [json.loads(body) for body in bodies(simulator, queue, number=3)]
        assert all(is_authentic(envelope, simulator) for envelope in envelopes)
        signed_by = x509.load_pem_x509_certificate(simulator.certificate_path.read_bytes())
    assert topic == f"arn:{partition}:sns:{region}:123456789012:feedback"
    assert queue.arn == f"arn:{partition}:sqs:{region}:123456789012:intake"
    assert caller == f"arn:{partition}:iam::123456789012:user/simulator"
    assert envelopes[0]["SigningCertURL"].startswith(f"https://{host}/SimpleNotificationService-")
    assert envelopes[0]["UnsubscribeURL"].startswith(f"https://{host}/?Action=Unsubscribe&")
    event = json.loads(envelopes[1]["Message"])
    assert event["mail"]["sourceArn"] == f"arn:{partition}:ses:{region}:123456789012:identity/example.com"
    assert signed_by.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == certificate
