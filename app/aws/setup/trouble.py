"""What AWS's errors mean for a person who sets up an account."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from app.domain.account.setup.trouble import SetupStopped

NOT_FOUND: Final = frozenset(
    {
        "NotFound", "NotFoundException", "ResourceNotFound", "ResourceNotFoundException", "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    }
)  # fmt: skip
ALREADY_THERE: Final = frozenset({"AlreadyExistsException", "QueueNameExists", "QueueAlreadyExists"})
DELETED_RECENTLY: Final = frozenset({"QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently"})
_DENIED: Final = ("AccessDenied", "AuthorizationError", "UnauthorizedOperation", "NotAuthorized")
_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidSignatureException", "SignatureDoesNotMatch", "InvalidAccessKeyId", "MissingAuthenticationToken",
        "MissingAuthenticationTokenException", "IncompleteSignature", "InvalidSecurity",
    }
)  # fmt: skip
_THROTTLED: Final = ("Throttl", "TooManyRequests", "RequestThrottled", "LimitExceeded")
_AGAIN: Final = "What was made stays: run the same command again."


def code_of(error: ClientError) -> str:
    """The code of the error. SQS has an older one for some, which boto3 takes from a header."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def aws_calls(service: str) -> Iterator[None]:
    """Raise `SetupStopped` for what goes wrong with calls to this service; `service` is its prefix in IAM actions."""
    try:
        yield
    except ClientError as error:
        raise _refusal(service, error) from error
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        raise SetupStopped(
            "No AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        ) from error
    except (EndpointConnectionError, HTTPClientError) as error:
        raise SetupStopped(
            f"{service.upper()} cannot be reached ({type(error).__name__}): check the network and AWS_REGION. {_AGAIN}"
        ) from error
    except BotoCoreError as error:
        raise SetupStopped(f"{service.upper()} cannot be asked ({type(error).__name__}: {error}).") from error


def _refusal(service: str, error: ClientError) -> SetupStopped:
    code, action = code_of(error), f"{service}:{error.operation_name}"
    if code.startswith(_DENIED):
        return SetupStopped(
            f"AWS does not let these credentials call {action}: add it to their policy, which `./postern ses plan "
            f"--policy` prints. {_AGAIN}",
            action=action,
        )
    if code in _CREDENTIALS:
        return SetupStopped(f"AWS does not accept the credentials ({code} at {action}): renew them. {_AGAIN}")
    if code.startswith(_THROTTLED):
        return SetupStopped(f"AWS allows no more calls of {action} for now ({code}): wait a minute. {_AGAIN}")
    message = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())[:300]
    return SetupStopped(f"AWS refused {action} ({code}): {message} {_AGAIN}")
