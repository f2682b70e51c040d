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
)
from botocore.parsers import ResponseParserError

from app.aws.setup.error_codes import code_of, is_bad_signature, is_denied, is_throttled, is_unknown_key
from app.domain.account.setup.trouble import SetupStopped

_AGAIN: Final = "What was made stays: run the same command again."


@contextmanager
def aws_calls(service: str) -> Iterator[None]:
    """Raise `SetupStopped` for what goes wrong with calls to this service; `service` is its prefix in IAM actions."""
    try:
        yield
    except ClientError as error:
        raise _refusal(service, error) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise SetupStopped(
            "No AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        ) from error
    except (EndpointConnectionError, HTTPClientError) as error:
        raise SetupStopped(
            f"{service.upper()} cannot be reached ({type(error).__name__}): check the network and AWS_REGION. {_AGAIN}"
        ) from error
    except ResponseParserError as error:
        raise SetupStopped(
            f"What answers for {service.upper()} is not AWS: see whether a proxy or AWS_ENDPOINT_URL is in the way."
        ) from error
    except BotoCoreError as error:
        raise SetupStopped(f"{service.upper()} cannot be asked ({type(error).__name__}: {error}).") from error


def _refusal(service: str, error: ClientError) -> SetupStopped:
    code, action = code_of(error), f"{service}:{error.operation_name}"
    if is_denied(error):
        return SetupStopped(
            f"AWS does not let these credentials call {action}: add it to their policy, which `./postern ses plan "
            f"--policy` prints. {_AGAIN}",
            action=action,
        )
    if is_unknown_key(error) or is_bad_signature(error):
        return SetupStopped(f"AWS does not accept the credentials ({code} at {action}): renew them. {_AGAIN}")
    if is_throttled(error):
        return SetupStopped(f"AWS allows no more calls of {action} for now ({code}): wait a minute. {_AGAIN}")
    message = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())[:300]
    return SetupStopped(f"AWS refused {action} ({code}): {message} {_AGAIN}")
