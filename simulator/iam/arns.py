"""Names of resources, and the domain of the services, in the partition that a region belongs to.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


def partition_of(region: str) -> str:
    """Return the partition of a region: that of China, of the government of the United States, or the common one."""
    return next((partition for start, partition in PARTITIONS.items() if region.startswith(start)), "aws")


def dns_suffix(region: str) -> str:
    """Return the domain under which the services of a region are."""
    return "amazonaws.com.cn" if partition_of(region) == "aws-cn" else "amazonaws.com"


def arn_of(service: str, name: str, region: str, account_id: str) -> str:
    """Return the ARN of something in a region."""
    return f"arn:{partition_of(region)}:{service}:{region}:{account_id}:{name}"


def ses_arn(kind: str, name: str, region: str, account_id: str) -> str:
    """Return the ARN of something of SES; `kind` is `identity` or `configuration-set`."""
    return arn_of("ses", f"{kind}/{name}", region, account_id)


def caller_arn(region: str, account_id: str) -> str:
    """Return the ARN of the one user that the simulator knows: any credentials are those of it."""
    return f"arn:{partition_of(region)}:iam::{account_id}:user/simulator"
