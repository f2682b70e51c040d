"""The IAM policies: of the processes of a gateway, and of `ses apply` itself. It does no I/O.

Names of actions: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html
"""

from collections.abc import Sequence
from typing import Final

from app.domain.account.setup.blueprint import Deployment
from app.domain.account.setup.resources import Json

_ABOUT_THE_ACCOUNT: Final = (
    "ses:GetAccount", "ses:ListSuppressedDestinations", "ses:GetSuppressedDestination", "ses:PutSuppressedDestination",
    "ses:DeleteSuppressedDestination",
)  # fmt: skip
_OF_A_READER: Final = (
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
)
SETUP_OF_SES: Final = (
    "ses:CreateConfigurationSet", "ses:GetConfigurationSet", "ses:DeleteConfigurationSet",
    "ses:PutConfigurationSetReputationOptions", "ses:CreateConfigurationSetEventDestination",
    "ses:GetConfigurationSetEventDestinations", "ses:UpdateConfigurationSetEventDestination",
    "ses:DeleteConfigurationSetEventDestination", "ses:CreateEmailIdentity", "ses:GetEmailIdentity",
    "ses:DeleteEmailIdentity", "ses:PutEmailIdentityDkimAttributes", "ses:PutEmailIdentityDkimSigningAttributes",
    "ses:PutEmailIdentityFeedbackAttributes", "ses:PutEmailIdentityMailFromAttributes", "ses:TagResource",
    "ses:UntagResource", "ses:GetAccount", "ses:PutAccountSuppressionAttributes",
)  # fmt: skip
SETUP_OF_SNS: Final = (
    "sns:CreateTopic", "sns:DeleteTopic", "sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:TagResource",
    "sns:ListTagsForResource", "sns:Subscribe", "sns:Unsubscribe", "sns:ListSubscriptionsByTopic",
    "sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes",
)  # fmt: skip
SETUP_OF_SQS: Final = (
    "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes",
    "sqs:TagQueue", "sqs:ListQueueTags",
)  # fmt: skip


def policy_of_processes(wanted: Deployment) -> dict[str, Json]:
    """What web, workers and beat may do: the least that they need."""
    place = wanted.place
    senders = [place.ses_arn("identity", domain) for domain in wanted.domains] or [place.ses_arn("identity", "*")]
    statements = [
        _allow(
            "Send",
            ("ses:SendEmail", "ses:SendRawEmail"),
            [*senders, place.ses_arn("configuration-set", wanted.configuration_set)],
        ),
        # AWS offers no narrower resource for these.
        _allow("AskAboutTheAccountAndItsList", _ABOUT_THE_ACCOUNT, ["*"]),
    ]
    if wanted.url:
        statements.append(_allow("ConfirmTheSubscription", ("sns:ConfirmSubscription",), [wanted.topic_arn]))
    if wanted.sqs:
        statements.append(_allow("ReadTheQueue", _OF_A_READER, [place.queue_arn(wanted.queue)]))
    return _policy(statements)


def policy_of_setup(wanted: Deployment) -> dict[str, Json]:
    """What `ses plan`, `apply`, `destroy` and `doctor` call. `sts:GetCallerIdentity` needs no permission."""
    place = wanted.place
    queues = [place.queue_arn(name) for name in (wanted.queue, wanted.dead_letters, wanted.archive_queue)]
    return _policy(
        [
            _allow("SetUpSes", SETUP_OF_SES, ["*"]),
            _allow("SetUpTheTopic", SETUP_OF_SNS, [wanted.topic_arn, f"{wanted.topic_arn}:*"]),
            _allow("SetUpTheQueues", SETUP_OF_SQS, queues),
        ]
    )


def _allow(name: str, actions: Sequence[str], resources: Sequence[str]) -> Json:
    return {"Sid": name, "Effect": "Allow", "Action": sorted(actions), "Resource": sorted(resources)}


def _policy(statements: list[Json]) -> dict[str, Json]:
    return {"Version": "2012-10-17", "Statement": statements}
