"""Every environment variable that Postern reads: typed, bounded, validated once, all faults reported together.

The only file that reads the environment. It opens nothing and connects to nothing, except that it reads the PEM file
named by `SNS_PINNED_CERTIFICATE`, so that a wrong path is reported at the start and not at the first bounce.
"""

import os
import re
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    SettingsConfigDict,
)

import config_smtp
from config_aws import (
    FeedbackAccounts,
    FeedbackConfigurationSets,
    PinnedCertificate,
    accounts,
    configuration_set,
    configuration_sets,
    topic_arns,
)
from config_faults import explain
from config_names import misspelt
from config_openid import OidcClientId, OidcClientSecret, OidcIssuer, OidcRoleClaim, OidcRoles, whole_openid
from config_outgoing import (
    AlertFrom,
    AlertSmtpUrl,
    CanaryMinutes,
    CanaryPausesBulk,
    CanaryWithinSeconds,
    TracesEndpoint,
    WebhookNetworks,
)
from config_requests import MaxBatch, MaxBodyBytes, MaxImportBytes, MaxRecipients, RequestsAtOnce, RequestsPerSecond
from config_retention import EmailRetentionDays
from config_urls import DatabasePooled, usable_brokers, usable_database, usable_queues, usable_redis
from config_workers import LeaseSeconds, MaxAttempts, UnconfirmedQuietSeconds, WorkerSilenceSeconds

_KEY = re.compile(r"[A-Za-z0-9_-]{43}")

# Names the file that is read besides the environment; if it is empty, no file is read. It is not a setting itself.
ENV_FILE = "POSTERN_ENV_FILE"


class SettingsError(Exception):
    """The environment is not a valid configuration; the text names every variable that is wrong, and the rule."""


class SesTransport(StrEnum):
    """How an email is handed to SES. `auto`: fast, unless the environment asks for what only boto3 does."""

    AUTO = "auto"
    BOTO3 = "boto3"
    FAST = "fast"


class SesListSync(StrEnum):
    """Which way the schedule keeps our suppression list and that of the SES account in step."""

    OFF = "off"
    PULL = "pull"
    BOTH = "both"


class PostgresFailover(StrEnum):
    """How the standby that PostgreSQL fails over to is replicated."""

    ASYNCHRONOUS = "asynchronous"
    SYNCHRONOUS = "synchronous"


class Settings(BaseSettings):
    """The configuration of one process. Field names in upper case are the names of the variables."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: str = Field(
        "sqlite:///postern.db", repr=False, description="SQLAlchemy URL: `postgresql+psycopg://…` or `sqlite:///file`."
    )
    database_pooled: DatabasePooled = False
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        repr=False,
        description="Redis or Valkey for the suppression positives and the send rate: `redis://`, `rediss://`, "
        "`unix://` or `sentinel://`.",
    )
    celery_broker_url: str = Field(
        "", repr=False, description="URL of the Celery broker, which wakes the workers. Default: `REDIS_URL`."
    )
    postgres_failover: PostgresFailover = Field(
        PostgresFailover.ASYNCHRONOUS,
        description="How the standby of PostgreSQL is replicated. After an `asynchronous` one takes over, a database "
        "recovery begins by itself; a `synchronous` one loses no commit, and sending goes on.",
    )

    aws_region: str = Field(
        "us-east-1", pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d$", description="Region of SES and of the topics."
    )
    ses_configuration_set: str = Field(
        "", description="Configuration set of every send. Without one, SES echoes no tags and publishes no events."
    )
    ses_transport: SesTransport = Field(
        SesTransport.AUTO,
        description="How an email is handed to SES: with `boto3`, or `fast`: the same request for a fraction of the "
        "CPU. `auto` is `fast`, unless a proxy or the endpoint asks for `boto3`.",
    )
    ses_max_send_rate: float | None = Field(
        None, gt=0, le=100_000, description="Recipients a second. Default: the send rate of the SES account."
    )
    ses_list_sync: SesListSync = Field(
        SesListSync.PULL,
        description="Suppression list of the SES account: `pull` copies its changes to ours, `both` also puts our "
        "bounces and complaints there, `off` reads it only when a person asks.",
    )
    ses_threads: int = Field(25, ge=1, le=200, description="Calls to SES at the same time in one worker process.")

    sns_topic_arns: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Topics whose notifications are accepted, comma separated. Without `SQS_QUEUE_URLS` the web "
        "needs one to start.",
    )
    sqs_queue_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Queues from which workers take notifications of these topics, comma separated URLs."
    )
    sqs_pollers: int = Field(1, ge=1, le=16, description="Threads that poll a queue at once, in all workers together.")
    sns_signature_version: int = Field(2, ge=1, le=2, description="Lowest signature version accepted. 1 is SHA-1.")
    bounce_rules: Path | None = Field(None, description="TOML file of rules for replies, read before the own ones.")
    sns_pinned_certificate: PinnedCertificate = None

    feedback_accounts: FeedbackAccounts = ()
    feedback_configuration_sets: FeedbackConfigurationSets = ()

    webhook_allowed_networks: WebhookNetworks = ()

    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        description="Keys that encrypt bodies and key the hashes, comma separated: the first encrypts, each decrypts; "
        "each has 43 characters of URL-safe base64 (32 bytes)."
    )
    public_url: str = Field(
        "http://127.0.0.1:8025",
        pattern=r"^https?://[^\s/]+(/[^\s]*)?$",
        description="Where AWS and recipients reach Postern.",
    )

    oidc_issuer: OidcIssuer = ""
    oidc_client_id: OidcClientId = ""
    oidc_client_secret: OidcClientSecret = SecretStr("")
    oidc_role_claim: OidcRoleClaim = "groups"
    oidc_roles: OidcRoles = ()

    max_body_bytes: MaxBodyBytes = 60_000_000
    max_import_bytes: MaxImportBytes = 200_000_000
    max_recipients: MaxRecipients = 50
    max_batch: MaxBatch = 500
    requests_per_second: RequestsPerSecond = 500
    requests_at_once: RequestsAtOnce = 32
    smtp_port: config_smtp.Port = 0
    smtp_tls_port: config_smtp.TlsPort = 0
    smtp_bind: config_smtp.Bind = (IPv4Address("127.0.0.1"),)
    smtp_host_name: config_smtp.HostName = ""
    smtp_certificate: config_smtp.Certificate = None
    smtp_certificate_key: config_smtp.CertificateKey = None
    smtp_clear_auth_on_loopback: config_smtp.ClearAuth = False
    smtp_connections: config_smtp.Connections = 1000
    smtp_connections_per_address: config_smtp.ConnectionsPerAddress = 100
    smtp_connections_per_key: config_smtp.ConnectionsPerKey = 100
    smtp_threads: config_smtp.Threads = 16
    smtp_memory_bytes: config_smtp.Memory = 160_000_000
    smtp_knows_repeats: config_smtp.KnowsRepeats = True
    max_attempts: MaxAttempts = 12
    lease_seconds: LeaseSeconds = 60
    claim_batch: int = Field(100, ge=1, le=1000, description="Emails claimed with one statement.")
    review_bounces: int = Field(
        20,
        ge=0,
        le=100_000,
        description="A person reviews this many or more bounces of a domain within `REVIEW_MINUTES`; 0 turns this off.",
    )
    review_minutes: int = Field(
        10, ge=1, le=60, description="The minutes within which `REVIEW_BOUNCES` counts the bounces of one domain."
    )
    exempt_mailbox_simulator: bool = Field(
        default=True,
        description="Never suppress addresses of SES's mailbox simulator; otherwise each could be tried only once.",
    )
    check_mx: bool = Field(
        default=False,
        description="Let `/v1/emails/check` ask the DNS whether a domain accepts mail; the host needs a resolver.",
    )
    worker_silence_seconds: WorkerSilenceSeconds = 60
    unconfirmed_quiet_seconds: UnconfirmedQuietSeconds = 900

    canary_minutes: CanaryMinutes = 0
    canary_from: str = Field("", description="From address of the canary; its identity must be verified in SES.")
    canary_within_seconds: CanaryWithinSeconds = 300
    canary_pauses_bulk: CanaryPausesBulk = False

    alert_smtp_url: AlertSmtpUrl = SecretStr("")
    alert_from: AlertFrom = ""

    body_retention_hours: int = Field(24, ge=0, description="Bodies are erased this long after an email has ended.")
    feedback_retention_days: int = Field(
        90,
        ge=16,
        description="Raw notifications are erased after this. They are accepted until they are 15 days old, and one "
        "that was erased sooner could be processed twice.",
    )
    email_retention_days: EmailRetentionDays = 400
    idempotency_hours: int = Field(24, ge=1, le=720, description="How long an idempotency key is remembered.")

    log_level: str = Field(
        "INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$", description="Least severe log event written."
    )
    otel_exporter_otlp_endpoint: TracesEndpoint = ""
    flight_dir: Path = Field(
        Path("data/flight"),
        description="Directory where worker processes note their calls to SES, so that few are unknown after a crash.",
    )

    @field_validator(
        *("sns_topic_arns", "sqs_queue_urls", "secret_keys", "feedback_accounts", "feedback_configuration_sets"),
        *("webhook_allowed_networks", "oidc_roles", "smtp_bind"),
        mode="before",
    )
    @classmethod
    def _comma_separated(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("secret_keys")
    @classmethod
    def _are_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not keys:
            raise ValueError("at least one key is needed; make one with `./postern secret`")
        if not all(_KEY.fullmatch(key.get_secret_value()) for key in keys):
            raise ValueError("each must be 43 characters of URL-safe base64; make one with `./postern secret`")
        return keys

    _database_url = field_validator("database_url")(usable_database)
    _redis_url = field_validator("redis_url")(usable_redis)
    _sqs_queue_urls = field_validator("sqs_queue_urls")(usable_queues)
    _celery_broker_url = field_validator("celery_broker_url")(usable_brokers)

    _sns_topic_arns = field_validator("sns_topic_arns")(topic_arns)
    _ses_configuration_set = field_validator("ses_configuration_set")(configuration_set)
    _feedback_accounts = field_validator("feedback_accounts")(accounts)
    _feedback_configuration_sets = field_validator("feedback_configuration_sets")(configuration_sets)

    _whole_smtp = model_validator(mode="after")(config_smtp.whole_smtp)
    _whole_openid = model_validator(mode="after")(whole_openid)

    @model_validator(mode="after")
    def _topics_are_in_the_region(self) -> "Settings":
        if any(arn.split(":")[3] != self.aws_region for arn in self.sns_topic_arns):
            raise ValueError("SNS_TOPIC_ARNS: SES publishes only to topics of its own region (AWS_REGION)")
        return self

    @model_validator(mode="after")
    def _there_are_senders(self) -> "Settings":
        if self.canary_minutes and not self.canary_from:
            raise ValueError("CANARY_FROM: CANARY_MINUTES needs it: an address whose identity is verified in SES")
        if self.alert_smtp_url.get_secret_value() and not self.alert_from:
            raise ValueError("ALERT_FROM: ALERT_SMTP_URL needs it: an address that this mail server lets you use")
        return self

    @property
    def broker_url(self) -> str:
        """The broker's URL: that of Redis unless another is set."""
        return self.celery_broker_url or self.redis_url

    @property
    def lease(self) -> timedelta:
        """How long a claim may be held."""
        return timedelta(seconds=self.lease_seconds)


def load(**overrides: Any) -> Settings:
    """The settings of this environment and of `.env`, or of the file that `POSTERN_ENV_FILE` names in its place.

    Raises `SettingsError` with every fault in one text.
    """
    try:
        return Settings(**{"_env_file": _env_file()} | overrides)
    except (ValidationError, OSError) as error:
        raise SettingsError(explain(error, env_file=_env_file())) from error


def written() -> dict[str, str]:
    """Each setting that the environment or the file names, by its field, as written there. Nothing is checked."""
    found = {**DotEnvSettingsSource(Settings, env_file=_env_file())(), **EnvSettingsSource(Settings)()}
    return {name: str(found[name]) for name in Settings.model_fields if name in found}


def misspelt_names() -> dict[str, str]:
    """Names in the environment and in the file that are no settings, each with the setting that it resembles."""
    in_file = DotEnvSettingsSource(Settings, env_file=_env_file()).env_vars
    return misspelt([*os.environ, *(name.upper() for name in in_file)], Settings.model_fields)


def _env_file() -> str | None:
    return os.environ.get(ENV_FILE, ".env") or None
