"""Every environment variable that Postern reads: typed, bounded, validated once, all faults told together.

The only file that looks at the environment. It opens nothing and connects to nothing, except that it reads the PEM file
named by `SNS_PINNED_CERTIFICATE`, so that a wrong path is told at the start and not at the first bounce.
"""

import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_TOPIC_ARN = re.compile(r"arn:aws(-cn|-us-gov|-eusc)?:sns:[a-z0-9-]{4,32}:\d{12}:[A-Za-z0-9_-]{1,256}")
_CONFIGURATION_SET = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY_CHARACTERS = 43


class SettingsError(Exception):
    """The environment is not a valid configuration; the text names every variable that is wrong, and the rule."""


class SesTransport(StrEnum):
    """How a mail is handed to SES."""

    BOTO3 = "boto3"
    FAST = "fast"


class SesListSync(StrEnum):
    """Which way the schedule keeps our suppression list and that of the SES account in step."""

    OFF = "off"
    PULL = "pull"
    BOTH = "both"


class Settings(BaseSettings):
    """The configuration of one process. Field names in upper case are the names of the variables."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: str = Field(
        "sqlite:///postern.db", repr=False, description="SQLAlchemy URL: `postgresql+psycopg://…` or `sqlite:///file`."
    )
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        repr=False,
        description="Redis or Valkey for the suppression positives and the send rate: `redis://`, `rediss://`, `unix://`.",
    )
    celery_broker_url: str = Field(
        "", repr=False, description="Celery broker that carries the bells. Default: `REDIS_URL`."
    )

    aws_region: str = Field(
        "us-east-1", pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d$", description="Region of SES and of the topics."
    )
    ses_configuration_set: str = Field(
        "", description="Configuration set of every send. Without one, SES echoes no tags and publishes no events."
    )
    ses_transport: SesTransport = Field(
        SesTransport.BOTO3,
        description="How a mail is handed to SES: `boto3`, or `fast`, the same request for a fraction of the CPU, "
        "which goes through no proxy.",
    )
    ses_max_send_rate: float | None = Field(
        None, gt=0, le=100_000, description="Recipients a second. Default: what SES says of the account."
    )
    ses_list_sync: SesListSync = Field(
        SesListSync.PULL,
        description="Suppression list of the SES account: `pull` has ours follow it, `both` also puts our bounces and "
        "complaints there, `off` reads it only when a person asks.",
    )
    ses_threads: int = Field(25, ge=1, le=200, description="Calls to SES at a time in one worker process.")

    sns_topic_arns: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Topics whose notifications count, comma separated. The web process does not start without one."
    )
    sns_signature_version: int = Field(
        2, ge=1, le=2, description="Lowest signature version accepted. 1 is SHA-1, the default of a topic."
    )
    sns_pinned_certificate: Path | None = Field(
        None, description="PEM file used instead of fetching the signing certificate, for networks without egress."
    )

    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        description="Key ring that seals bodies and keys the hashes, newest first, comma separated; "
        "each 43 characters of URL-safe base64 (32 bytes)."
    )
    public_url: str = Field(
        "http://127.0.0.1:8025",
        pattern=r"^https?://[^\s/]+(/[^\s]*)?$",
        description="Where AWS and recipients reach us.",
    )

    max_body_bytes: int = Field(
        60_000_000, ge=10_000, le=200_000_000, description="Longest request body of the API, in bytes."
    )
    max_import_bytes: int = Field(
        200_000_000,
        ge=10_000,
        le=10_000_000_000,
        description="Longest file that the API takes into the suppression list, in bytes.",
    )
    max_recipients: int = Field(50, ge=1, le=50, description="Recipients of one mail, to, cc and bcc together.")
    max_batch: int = Field(500, ge=1, le=1000, description="Mails in one batch.")
    requests_per_second: int = Field(
        500, ge=1, le=100_000, description="Requests a second that one application may make."
    )
    max_attempts: int = Field(
        12, ge=1, le=100, description="Calls to SES for one recipient whose own cause keeps failing, before `failed`."
    )
    lease_seconds: int = Field(
        60,
        ge=5,
        le=3600,
        description="How long a worker may hold a claimed mail. Below 35 a slow answer of SES comes after the lease.",
    )
    claim_batch: int = Field(100, ge=1, le=1000, description="Mails claimed with one statement.")
    review_bounces: int = Field(
        20,
        ge=0,
        le=100_000,
        description="So many addresses of a domain that bounce within `REVIEW_MINUTES` wait for a person; 0 is never.",
    )
    review_minutes: int = Field(
        10, ge=1, le=60, description="Within so many minutes many bounces of one domain are one event."
    )
    exempt_mailbox_simulator: bool = Field(
        default=True,
        description="Never suppress addresses of SES's mailbox simulator: else each could be tried only once.",
    )
    check_mx: bool = Field(
        default=False,
        description="Let `/v1/emails/check` ask the DNS whether a domain takes mail at all; the host needs a resolver.",
    )
    worker_silence_seconds: int = Field(
        60,
        ge=5,
        le=3600,
        description="A worker that hears nothing for so long of a broker that takes its messages is started again.",
    )
    unconfirmed_quiet_seconds: int = Field(
        900,
        ge=1,
        le=86_400,
        description="How long an unconfirmed mail must stay without an event before it may be resent.",
    )

    body_retention_hours: int = Field(24, ge=0, description="Bodies are erased this long after a mail has ended.")
    feedback_retention_days: int = Field(90, ge=1, description="Raw notifications are erased after this.")
    idempotency_hours: int = Field(24, ge=1, le=720, description="How long an idempotency key is remembered.")

    log_level: str = Field(
        "INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$", description="Least severe log event written."
    )
    flight_dir: Path = Field(
        Path("data/flight"),
        description="Where worker processes note their calls to SES, so that a crash loses track of few.",
    )

    @field_validator("sns_topic_arns", "secret_keys", mode="before")
    @classmethod
    def _comma_separated(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("sns_topic_arns")
    @classmethod
    def _are_topic_arns(cls, arns: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_TOPIC_ARN.fullmatch(arn) for arn in arns):
            raise ValueError("each must be the full ARN of a topic: arn:aws:sns:REGION:ACCOUNT:NAME")
        return arns

    @field_validator("secret_keys")
    @classmethod
    def _are_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not keys:
            raise ValueError("at least one key is needed; make one with `./postern secret`")
        if not all(re.fullmatch(rf"[A-Za-z0-9_-]{{{_KEY_CHARACTERS}}}", key.get_secret_value()) for key in keys):
            raise ValueError(
                f"each must be {_KEY_CHARACTERS} characters of URL-safe base64; make one with `./postern secret`"
            )
        return keys

    @field_validator("database_url")
    @classmethod
    def _names_a_known_database(cls, url: str) -> str:
        if url.startswith("postgresql://"):
            url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        if not url.startswith(("postgresql+psycopg://", "sqlite:///")):
            raise ValueError("must start with postgresql:// or sqlite:///")
        return url

    @field_validator("redis_url")
    @classmethod
    def _names_redis(cls, url: str) -> str:
        if not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return url

    @field_validator("ses_configuration_set")
    @classmethod
    def _is_a_configuration_set(cls, name: str) -> str:
        if name and not _CONFIGURATION_SET.fullmatch(name):
            raise ValueError("must be 1 to 64 letters, digits, - and _")
        return name

    @field_validator("sns_pinned_certificate")
    @classmethod
    def _is_a_readable_pem(cls, path: Path | None) -> Path | None:
        if path is not None and "BEGIN CERTIFICATE" not in path.read_text(encoding="ascii", errors="replace"):
            raise ValueError("the file holds no PEM certificate")
        return path

    @model_validator(mode="after")
    def _topics_are_in_the_region(self) -> "Settings":
        if any(arn.split(":")[3] != self.aws_region for arn in self.sns_topic_arns):
            raise ValueError("SNS_TOPIC_ARNS: SES publishes only to topics of its own region (AWS_REGION)")
        return self

    @property
    def broker_url(self) -> str:
        """The broker's URL, which is Redis's own unless another is set."""
        return self.celery_broker_url or self.redis_url

    @property
    def lease(self) -> timedelta:
        """How long a claim may be held."""
        return timedelta(seconds=self.lease_seconds)


def load(**overrides: Any) -> Settings:
    """The settings of this environment. Raises `SettingsError` with every fault in one text."""
    try:
        return Settings(**overrides)
    except (ValidationError, OSError) as error:
        raise SettingsError(_explain(error)) from error


def _explain(error: ValidationError | OSError) -> str:
    if isinstance(error, OSError):
        return f"Postern cannot start: SNS_PINNED_CERTIFICATE: {error.strerror or 'cannot be read'}"
    faults = [f"  {_variable(fault)}{_rule(fault)}" for fault in error.errors(include_input=False, include_url=False)]
    return "Postern cannot start: the configuration is not valid.\n" + "\n".join(faults)


def _variable(fault: Any) -> str:
    return f"{str(fault['loc'][0]).upper()}: " if fault["loc"] else ""


def _rule(fault: Any) -> str:
    if fault["type"] == "missing":
        return "is not set" + (" (make a key with `./postern secret`)" if fault["loc"][0] == "secret_keys" else "")
    return str(fault["msg"]).removeprefix("Value error, ")
