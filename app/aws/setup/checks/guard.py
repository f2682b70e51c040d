"""One check apart from the others: what AWS refuses, or a network that is away, is a finding and no end of the run.

It decides what a refusal means for the operator: a missing permission names the action and the line of a policy that
allows it, nothing is asked of a service again that could not be reached, and nothing at all with credentials that AWS
does not take.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
from botocore.parsers import ResponseParserError

from app.aws.setup.error_codes import (
    code_of,
    is_absent,
    is_bad_signature,
    is_denied,
    is_throttled,
    is_unknown_key,
)
from app.domain.account.findings import Finding, Group, unknown, wrong

_NOT_ASKED: Final = "AWS was not asked again"
_CHECK_NETWORK: Final = "check the network, the proxy and AWS_REGION, then run this again"
_SET_CREDENTIALS: Final = "give this process AWS credentials: a role, a profile or AWS_ACCESS_KEY_ID"


class Guard:
    """Runs checks; one per run."""

    def __init__(self) -> None:
        self._away: dict[str, str] = {}
        self._refused_all: str | None = None

    def run(self, group: Group, name: str, *, needs: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
        """The findings of one check that calls the service `needs`, or one finding that says why there are none."""
        if (why := self._refused_all or self._away.get(needs)) is not None:
            yield unknown(group, name, why, "as above")
            return
        try:
            yield from look()
        except ClientError as error:
            yield self._refused(group, name, error, needs)
        except (BotoCoreError, ResponseParserError) as error:
            found, fix = _trouble(error)
            if isinstance(error, NoCredentialsError | PartialCredentialsError):
                self._refused_all = _NOT_ASKED
            self._away[needs] = f"{needs.upper()} was not asked again"
            yield unknown(group, name, found, fix)

    def _refused(self, group: Group, name: str, error: ClientError, needs: str) -> Finding:
        code = code_of(error)
        if is_denied(error):
            action = f"{needs}:{error.operation_name}"
            return unknown(group, name, f"{action} is denied", allow(action))
        if is_unknown_key(error):
            self._refused_all = _NOT_ASKED
            return unknown(group, name, f"AWS answered {code}", "renew the AWS credentials of this process")
        if is_bad_signature(error):
            self._refused_all = _NOT_ASKED
            return unknown(group, name, f"AWS answered {code}", "correct the secret key, or this host's clock")
        if is_throttled(error):
            return unknown(group, name, "AWS throttles these calls", "run this again in a minute")
        if is_absent(error):
            return wrong(group, name, "does not exist in AWS_REGION", "create it, or correct its name")
        return unknown(group, name, f"AWS answered {code}", "check AWS credentials and AWS_REGION")


def allow(action: str, resource: str = "*") -> str:
    """The advice to allow this action, with the statement of an IAM policy that does."""
    statement = json.dumps({"Effect": "Allow", "Action": action, "Resource": resource})
    return f"add to the policy of these credentials: {statement}"


def _trouble(error: Any) -> tuple[str, str]:
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "no AWS credentials were found", _SET_CREDENTIALS
    return f"AWS was not reached ({type(error).__name__})", _CHECK_NETWORK
