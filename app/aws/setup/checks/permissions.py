"""Each permission that the processes need, by the call itself: no policy is read, since several may apply.

Each call is one that changes nothing: it names what cannot exist, so AWS answers that there is no such thing where it
is allowed, and refuses it where it is not. What has no such call, `ses:SendEmail` above all, is tried by `--live`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from botocore.exceptions import ClientError

from app.aws.setup.checks.clients import AwsClients
from app.aws.setup.checks.guard import Guard, allow
from app.aws.setup.error_codes import is_absent, is_denied
from app.aws.sqs.queue_url import QueueUrl
from app.domain.account.findings import Finding, Group, well, wrong

_NOBODY: Final = "postern-doctor@example.invalid"
_UNUSABLE: Final = "postern-doctor"
_ANSWERS_OF_SNS: Final = frozenset({"InvalidParameter", "InvalidParameterException"})
_ANSWERS_OF_SQS: Final = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A call that needs one permission. `answers` are the refusals that only an allowed call gets."""

    service: str
    action: str
    resource: str
    call: Callable[[], Any]
    answers: frozenset[str] = frozenset()


def permissions(
    clients: AwsClients, guard: Guard, *, topic_arns: tuple[str, ...], queues: tuple[QueueUrl, ...]
) -> Iterator[Finding]:
    """A finding for each permission that can be tried. Where queues are used, no subscription has to be confirmed."""
    trials = [*_of_the_list(clients)]
    if not queues:
        trials += [_of_a_topic(clients, arn) for arn in topic_arns]
    if clients.sqs is not None:
        trials += [trial for url in queues for trial in _of_a_queue(clients, url)]
    for trial in trials:
        name = f"{trial.service}:{trial.action}"
        yield from guard.run(Group.PERMISSIONS, name, needs=trial.service, look=partial(_try, trial))


def _try(trial: Trial) -> Iterator[Finding]:
    name = f"{trial.service}:{trial.action}"
    try:
        trial.call()
    except ClientError as error:
        if is_denied(error):
            yield wrong(Group.PERMISSIONS, name, "denied", allow(name, trial.resource))
            return
        if not is_absent(error) and error.response.get("Error", {}).get("Code") not in trial.answers:
            raise
    yield well(Group.PERMISSIONS, name)


def _of_the_list(clients: AwsClients) -> Iterator[Trial]:
    ses = clients.ses
    calls: dict[str, Callable[[], Any]] = {
        "ListSuppressedDestinations": lambda: ses.list_suppressed_destinations(PageSize=1),
        "GetSuppressedDestination": lambda: ses.get_suppressed_destination(EmailAddress=_NOBODY),
        "DeleteSuppressedDestination": lambda: ses.delete_suppressed_destination(EmailAddress=_NOBODY),
    }
    for action, call in calls.items():
        yield Trial(service="ses", action=action, resource="*", call=call)


def _of_a_topic(clients: AwsClients, topic_arn: str) -> Trial:
    return Trial(
        service="sns",
        action="ConfirmSubscription",
        resource=topic_arn,
        # Without this attribute, whoever has the token may confirm, and no permission is asked for.
        call=lambda: clients.sns.confirm_subscription(
            TopicArn=topic_arn, Token=_UNUSABLE, AuthenticateOnUnsubscribe="true"
        ),
        answers=_ANSWERS_OF_SNS,
    )


def _of_a_queue(clients: AwsClients, url: QueueUrl) -> Iterator[Trial]:
    """Receiving is left out: it would count against each message. That workers poll is seen in `/readyz`."""
    sqs = clients.sqs_of(url.region)
    arn = f"arn:*:sqs:*:*:{url.name}"
    message = {"QueueUrl": url.url, "ReceiptHandle": _UNUSABLE}
    calls: dict[str, Callable[[], Any]] = {
        "DeleteMessage": lambda: sqs.delete_message(**message),
        "ChangeMessageVisibility": lambda: sqs.change_message_visibility(**message, VisibilityTimeout=0),
    }
    for action, call in calls.items():
        yield Trial(service="sqs", action=action, resource=arn, call=call, answers=_ANSWERS_OF_SQS)
