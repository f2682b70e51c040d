"""The topic of SES's events: its signatures, who may publish to it, and its encryption.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html
"""

from collections.abc import Iterator
from typing import Final

from app.aws.setup.checks.clients import AwsClients
from app.aws.setup.checks.policies import Policy
from app.aws.sns.topic_arn import TopicArn, parse_topic_arn
from app.domain.account.findings import Finding, Group, judged, skipped, warning, well, wrong

_SES: Final = "ses.amazonaws.com"
_PUBLISH: Final = "sns:Publish"
_AWS_MANAGED_KEY: Final = "alias/aws/sns"
_KEY_POLICY: Final = (
    f"the key's policy has to allow {_SES} kms:GenerateDataKey* and kms:Decrypt, or no event is published"
)


def topic(clients: AwsClients, *, topic_arn: str, signature_version: int, configuration_set: str) -> Iterator[Finding]:
    """Signature version, policy and encryption."""
    arn = parse_topic_arn(topic_arn)
    attributes = clients.sns.get_topic_attributes(TopicArn=topic_arn)["Attributes"]
    version = int(attributes.get("SignatureVersion", "1"))
    yield judged(
        Group.EVENTS,
        f"topic {arn.name}",
        ok=version >= signature_version,
        found=f"signature version {version}",
        fix=f"set its SignatureVersion to {signature_version}: its notifications are refused now",
    )
    yield _policy(attributes.get("Policy"), arn, configuration_set)
    if key := attributes.get("KmsMasterKeyId"):
        yield _encryption(key, arn)


def _policy(text: str | None, arn: TopicArn, configuration_set: str) -> Finding:
    name = f"policy of {arn.name}"
    if not text:
        return skipped(Group.EVENTS, name, "it has none")
    try:
        policy = Policy(text)
    except ValueError:
        return wrong(Group.EVENTS, name, "it is not readable", "set the policy of the topic anew")
    set_arn = f"arn:{arn.partition}:ses:{arn.region}:{arn.account}:configuration-set/{configuration_set}"
    facts = {"aws:sourceaccount": arn.account, "aws:sourceowner": arn.account, "aws:sourcearn": set_arn}
    allow = f"allow {_SES} to call {_PUBLISH}, with AWS:SourceAccount {arn.account} and AWS:SourceArn {set_arn}"
    if not policy.lets(_SES, _PUBLISH, facts):
        return wrong(Group.EVENTS, name, "SES may not publish", allow)
    if policy.is_open(_PUBLISH):
        return warning(Group.EVENTS, name, "anybody may publish", f"{allow}, and remove what allows everybody")
    if policy.serves_strangers(_SES, _PUBLISH):
        return warning(Group.EVENTS, name, "SES may publish for any AWS account", allow)
    return well(Group.EVENTS, name, "SES may publish")


def _encryption(key: str, arn: TopicArn) -> Finding:
    name = f"encryption of {arn.name}"
    if key.endswith(_AWS_MANAGED_KEY):
        fix = f"use a customer managed key: {_AWS_MANAGED_KEY} has a policy that does not let SES publish"
        return wrong(Group.EVENTS, name, f"by {_AWS_MANAGED_KEY}", fix)
    return warning(Group.EVENTS, name, "by a key of yours", _KEY_POLICY)
