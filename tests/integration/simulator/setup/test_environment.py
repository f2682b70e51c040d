"""The environment that `up`, `demo` and `simulator` give to boto3."""

import boto3
import pytest

from app.cli.shell.operated_gateway import of_aws
from simulator import Simulator


def test_boto3_reaches_only_the_simulator(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """With those variables alone, clients of every service that is used are at the simulator, and are answered."""
    for name, text in of_aws(simulator.url, region="us-east-1").items():
        monkeypatch.setenv(name, text)
    session = boto3.Session(region_name="us-east-1")
    sesv2, sns, sqs, sts = (session.client(name) for name in ("sesv2", "sns", "sqs", "sts"))
    assert {client.meta.endpoint_url for client in (sesv2, sns, sqs, sts)} == {simulator.url}
    assert sesv2.get_account()["EnforcementStatus"] == "HEALTHY"
    assert sns.list_topics()["Topics"] == []
    assert "QueueUrls" not in sqs.list_queues()
    assert sts.get_caller_identity()["Arn"].endswith(":user/simulator")
