"""Every region in which SES runs: where boto3 calls, what the ARNs begin with, and which host signs."""

from typing import Any, Final

import boto3
import pytest
from botocore.config import Config
from pydantic import SecretStr

from app.aws.sns.topic_arn import parse_topic_arn, signing_host
from app.domain.account.setup.blueprint import Deployment, blueprint
from app.domain.account.setup.resources import Kind, Place
from config import Settings

SUFFIXES: Final = {
    "aws": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-us-gov": "amazonaws.com",
    "aws-eusc": "amazonaws.eu",
}
DUAL_STACK: Final = {"aws": "api.aws", "aws-us-gov": "api.aws", "aws-cn": "api.amazonwebservices.com.cn"}
"""https://docs.aws.amazon.com/general/latest/gr/rande.html#dual-stack-endpoints"""
IN_CHINA: Final = ("cn-north-1", "cn-northwest-1")


def regions() -> list[tuple[str, str]]:
    """Return each region with its partition: those of SES, and China's, where SNS and SQS run."""
    session = boto3.session.Session()
    found = [
        (partition, region)
        for partition in ("aws", "aws-us-gov", "aws-eusc")
        for region in session.get_available_regions("sesv2", partition)
    ]
    return [*found, *(("aws-cn", region) for region in IN_CHINA)]


@pytest.mark.parametrize("partition, region", regions())
def test_each_region_has_its_arns_its_endpoints_and_its_signing_host(partition: str, region: str) -> None:
    """The topic of a deployment is one that the verifier accepts, and its certificates come from that region alone."""
    wanted = Deployment(
        name="postern",
        place=Place(partition=partition, region=region, account="123456789012"),
        domains=("example.com",),
        sqs=True,
    )
    assert boto3.session.Session().get_partition_for_region(region) == partition
    settings = Settings(
        _env_file=None, aws_region=region, sns_topic_arns=(wanted.topic_arn,), secret_keys=(SecretStr("x" * 43),)
    )
    assert settings.sns_topic_arns == (wanted.topic_arn,)
    assert signing_host(parse_topic_arn(wanted.topic_arn)) == f"sns.{region}.{SUFFIXES[partition]}"
    for resource in blueprint(wanted):
        arn = resource.name if resource.kind is Kind.SUBSCRIPTION else wanted.topic_arn
        assert arn.split(":")[1] == partition
    for service, host in (("sesv2", "email"), ("sns", "sns"), ("sqs", "sqs")):
        assert _endpoint(service, region) == f"https://{host}.{region}.{SUFFIXES[partition]}"


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2", "us-gov-west-1"])
@pytest.mark.parametrize("service", ["sesv2", "sns", "sqs"])
def test_fips_endpoints_are_boto3s_own_setting(region: str, service: str) -> None:
    """`AWS_USE_FIPS_ENDPOINT` is enough: https://aws.amazon.com/compliance/fips/"""
    host = _endpoint(service, region, use_fips_endpoint=True)
    assert "fips" in host or region.startswith("us-gov-")


@pytest.mark.parametrize(
    "partition, region", [("aws", "eu-west-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
)
@pytest.mark.parametrize("service", ["sns", "sqs"])
def test_dual_stack_endpoints_are_boto3s_own_setting(partition: str, region: str, service: str) -> None:
    """`AWS_USE_DUALSTACK_ENDPOINT` is enough."""
    host = _endpoint(service, region, use_dualstack_endpoint=True)
    assert host == f"https://{service}.{region}.{DUAL_STACK[partition]}"


def _endpoint(service: str, region: str, **setting: Any) -> str:
    make: Any = boto3.client
    client = make(
        service,
        region_name=region,
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(**setting),
    )
    return str(client.meta.endpoint_url)
