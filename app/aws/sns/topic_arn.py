"""What follows from the ARN of a topic: the host that serves its signing certificates and the name in them.

The ARN comes from the allow-list of the configuration, never from a notification, so that everything derived here
rests on the operator's settings. It does no I/O.
"""

import re
from dataclasses import dataclass

_ARN = re.compile(
    r"arn:(?P<partition>aws|aws-cn|aws-us-gov|aws-eusc):sns:"
    r"(?P<region>[a-z]{2,4}(?:-[a-z]{2,12}){1,2}-[0-9]{1,2}):"
    r"(?P<account>[0-9]{12}):"
    r"(?P<name>[A-Za-z0-9_-]{1,256})"
)

_DNS_SUFFIX = {
    "aws": "amazonaws.com",
    "aws-us-gov": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
}

_REGION_PREFIX = {"aws-us-gov": "us-gov-", "aws-cn": "cn-", "aws-eusc": "eusc-"}

_REGIONS_THAT_SIGN_BY_THEIR_OWN_NAME = frozenset(
    {
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
        "eu-south-1",
        "eu-south-2",
        "eusc-de-east-1",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicArn:
    """The parts of `arn:<partition>:sns:<region>:<account>:<name>` of a standard topic."""

    partition: str
    region: str
    account: str
    name: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:sns:{self.region}:{self.account}:{self.name}"


def parse_topic_arn(text: str) -> TopicArn:
    """Return the parts of the ARN, or raise ValueError.

    FIFO topics are refused: neither SES nor HTTP subscriptions work with them. So is a region of another partition.
    """
    match = _ARN.fullmatch(text)
    if match is None:
        raise ValueError("not the ARN of an SNS standard topic (arn:aws:sns:<region>:<account>:<name>)")
    arn = TopicArn(**match.groupdict())
    home = next((name for name, prefix in _REGION_PREFIX.items() if arn.region.startswith(prefix)), "aws")
    if arn.partition != home:
        raise ValueError("the region of this topic ARN belongs to another partition")
    return arn


def signing_host(arn: TopicArn) -> str:
    """Return the one host whose certificates may sign for this topic."""
    return f"sns.{arn.region}.{_DNS_SUFFIX[arn.partition]}"


def signing_name(arn: TopicArn) -> str:
    """Return the name (CN or SAN) that the signing certificate of this topic's region carries.

    AWS publishes no list of them. The names here are the table of the AWS SDK for Java v2 (`sns-message-manager`).
    """
    if arn.partition == "aws-cn":
        return f"sns-{arn.region}.amazonaws.com.cn"
    if arn.partition == "aws-us-gov":
        return "sns-us-gov-west-1.amazonaws.com"
    if arn.region in _REGIONS_THAT_SIGN_BY_THEIR_OWN_NAME:
        return f"sns-signing.{arn.region}.{_DNS_SUFFIX[arn.partition]}"
    return "sns.amazonaws.com"
