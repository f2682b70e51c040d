"""The names of AWS among the settings: topics, accounts, configuration sets. It decides what `config.py` refuses."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import NoDecode

_TOPIC_ARN = re.compile(r"arn:aws(-cn|-us-gov|-eusc)?:sns:[a-z0-9-]{4,32}:\d{12}:[A-Za-z0-9_-]{1,256}")
_CONFIGURATION_SET = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ACCOUNT = re.compile(r"[0-9]{12}")


def _readable_pem(path: Path | None) -> Path | None:
    if path is not None and "BEGIN CERTIFICATE" not in path.read_text(encoding="ascii", errors="replace"):
        raise ValueError("the file holds no PEM certificate")
    return path


PinnedCertificate = Annotated[
    Path | None,
    Field(description="PEM file used instead of fetching the signing certificate, for networks without egress."),
    AfterValidator(_readable_pem),
]
FeedbackAccounts = Annotated[
    tuple[str, ...],
    NoDecode,
    Field(
        description="AWS accounts whose events count besides those of the topics, comma separated; events of other "
        "accounts are set aside."
    ),
]
FeedbackConfigurationSets = Annotated[
    tuple[str, ...],
    NoDecode,
    Field(
        description="Configuration sets whose events count besides `SES_CONFIGURATION_SET`, comma separated; events of "
        "other sets are set aside unless they are about email that Postern sent."
    ),
]


def topic_arns(arns: tuple[str, ...]) -> tuple[str, ...]:
    """The ARNs. Raises `ValueError` unless each is that of a standard topic."""
    if not all(_TOPIC_ARN.fullmatch(arn) for arn in arns):
        raise ValueError("each must be the ARN of a topic, arn:aws:sns:REGION:ACCOUNT:NAME; no .fifo works here")
    return arns


def accounts(found: tuple[str, ...]) -> tuple[str, ...]:
    """The accounts. Raises `ValueError` unless each has 12 digits."""
    if not all(_ACCOUNT.fullmatch(account) for account in found):
        raise ValueError("each must be the 12 digits of an AWS account")
    return found


def configuration_sets(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names. Raises `ValueError` unless each is one that SES takes."""
    if not all(_CONFIGURATION_SET.fullmatch(name) for name in names):
        raise ValueError("each must be 1 to 64 letters, digits, - and _")
    return names


def configuration_set(name: str) -> str:
    """The name, which may be empty. Raises `ValueError` unless it is one that SES takes."""
    if name and not _CONFIGURATION_SET.fullmatch(name):
        raise ValueError("must be 1 to 64 letters, digits, - and _")
    return name
