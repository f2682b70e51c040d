"""The environment of the processes that `up` runs, and the gateway that a command works on.

This module decides which variables are replaced while the simulator stands in for AWS. No part of the user's own AWS
set-up may remain in effect, so that no email can leave the machine. It starts no process.
"""

import getpass
import json
import os
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from app.cli.shell.command import CommandFailed
from app.cli.shell.data_dir import DataDir
from app.domain.apps.callers import Caller
from app.services.apps.authenticate import operator
from app.wiring.gateway import Gateway, build
from config import ENV_FILE, Settings, SettingsError, load, written

_SIMULATED = "AWS_ENDPOINT_URL_SESV2"
CHECKOUT = Path(__file__).resolve().parents[3]
DEFAULT_DATA = Path("data")
CONFIGURATION_SET = "postern"
NO_PROXY = "127.0.0.1,localhost"

# Variables that decide where Postern, or a library that it uses, connects to, and that may name a production system.
_OURS = frozenset(name.upper() for name in Settings.model_fields)
_PREFIXES = ("AWS_", "CELERY_", "FLASK_", "GUNICORN_", "POSTERN_")
_OF_POSTGRESQL, _OF_AWS = "PG", "AWS_"
_WITH_AWS = ("AWS_REGION", "SNS_PINNED_CERTIFICATE")
_OTHERS = frozenset({"WEB_CONCURRENCY"})
_ISOLATED = {
    ENV_FILE: "",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
# Settings that a gateway of `up` always chooses itself, even with `--use-environment`.
_ITS_OWN = frozenset(
    {"CANARY_FROM", "CANARY_MINUTES", "CELERY_BROKER_URL", "FLIGHT_DIR", "PUBLIC_URL", "SECRET_KEYS"}
    | {"SES_CONFIGURATION_SET", "SNS_PINNED_CERTIFICATE", "SNS_SIGNATURE_VERSION", "SNS_TOPIC_ARNS", "SQS_QUEUE_URLS"}
    | {"SMTP_BIND", "SMTP_CLEAR_AUTH_ON_LOOPBACK", "SMTP_PORT", "SMTP_TLS_PORT", "WEBHOOK_ALLOWED_NETWORKS"}
)


def of_the_parts(*, data: DataDir, public_url: str, settings: Settings) -> dict[str, str]:
    """The variables of web, worker and beat, but for those of AWS. `settings` has keys, database, Redis and region."""
    return {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "FLIGHT_DIR": str(data.flight.resolve()),
        "SECRET_KEYS": ",".join(key.get_secret_value() for key in settings.secret_keys),
        "PUBLIC_URL": public_url,
        "AWS_REGION": settings.aws_region,
        "SNS_SIGNATURE_VERSION": "2",
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
        "MALLOC_ARENA_MAX": "2",
        "PYTHONPATH": str(CHECKOUT),
    }


def of_the_simulator(data: DataDir, *, topic_arn: str) -> dict[str, str]:
    """The variables by which a gateway believes the events of the simulator."""
    return {
        "SES_CONFIGURATION_SET": CONFIGURATION_SET,
        "SNS_TOPIC_ARNS": topic_arn,
        "SNS_PINNED_CERTIFICATE": str(data.certificate.resolve()),
    }


def of_aws(simulator_url: str, *, region: str) -> dict[str, str]:
    """The variables of boto3, which make it connect to the simulator only, and not through a proxy."""
    return {
        "AWS_REGION": region,
        "AWS_ENDPOINT_URL_SESV2": simulator_url,
        "AWS_ENDPOINT_URL_SNS": simulator_url,
        "AWS_ENDPOINT_URL_SQS": simulator_url,
        "AWS_ENDPOINT_URL_STS": simulator_url,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "AWS_ACCESS_KEY_ID": "simulator",
        "AWS_SECRET_ACCESS_KEY": "simulator",
        "AWS_SESSION_TOKEN": "",
        "NO_PROXY": NO_PROXY,
        "no_proxy": NO_PROXY,
    }


def isolate(*, use_environment: bool = False, keep_aws: bool = False) -> tuple[str, ...]:
    """Remove every setting of the environment and of `.env`, for this process and all that it starts.

    Returns the names of the variables that were set and are ignored. With `use_environment` they stay, except those
    that a gateway of `up` chooses itself. So do the `PG…` variables, which complete the URL of a PostgreSQL. With
    `keep_aws` those of boto3 stay, that is the account, the credentials and the region, and a pinned certificate.
    """
    found = {name.upper(): text for name, text in written().items()}
    kept = {name: text for name, text in found.items() if name not in _ITS_OWN} if use_environment else {}
    if keep_aws:
        kept |= {name: found[name] for name in _WITH_AWS if name in found}
    stays = tuple([_OF_POSTGRESQL] * use_environment + [_OF_AWS] * keep_aws)
    for name in [one for one in os.environ if _decides_where(one.upper())]:
        if not name.startswith(stays):
            del os.environ[name]
    assume({name: text for name, text in _ISOLATED.items() if not name.startswith(stays)} | kept)
    return tuple(sorted(found.keys() - kept.keys()))


def _decides_where(name: str) -> bool:
    return name in _OURS | _OTHERS or name.startswith((*_PREFIXES, _OF_POSTGRESQL))


def assume(environment: Mapping[str, str]) -> None:
    """Set these variables for this process and all that it starts."""
    os.environ.update(environment)


def take_from(data: Path | None) -> None:
    """Set the environment of the gateway that a command works on.

    It is that of the given data directory; else the process's own, when that holds `SECRET_KEYS`; else that of ./data.
    Raises `CommandFailed` and `SettingsError`.
    """
    if data is not None:
        _take(_remembered(data))
        return
    try:
        load()
    except SettingsError as error:
        if not _lacks_only_keys(error):
            raise
        if not DataDir(DEFAULT_DATA).environment.exists():
            raise CommandFailed(
                "no gateway is configured here: set SECRET_KEYS and DATABASE_URL, or start one with `./postern up`"
            ) from error
        remembered = _remembered(DEFAULT_DATA)
        _require_the_same_database(remembered)
        _take(remembered)


def database_url(data: Path | None) -> str:
    """The database of the gateway that a command works on; see `take_from`."""
    take_from(data)
    return load().database_url


@contextmanager
def operated_gateway(data: Path | None) -> Iterator[tuple[Gateway, Caller]]:
    """The configured gateway, and the person at the command line as its caller.

    Raises `CommandFailed` when its database cannot be reached or is not migrated.
    """
    take_from(data)
    gateway = build(load())
    try:
        for check in gateway.health.ready():
            if check.name in {"database", "migrations"} and not check.ok:
                raise CommandFailed(f"the {check.name} of this gateway cannot be used: {check.detail}")
        yield gateway, operator(user())
    finally:
        gateway.close()


def add_environment_option(parser: ArgumentParser) -> None:
    """Add `--use-environment`, for commands that start a gateway of their own."""
    parser.add_argument(
        "--use-environment",
        action="store_true",
        help="use the settings of the environment and of .env, which are ignored otherwise; the database and Redis "
        "that they name must be empty, or made by an earlier `up` or `demo`",
    )


def of_the_client() -> dict[str, str]:
    """The `url` and `api_key` that `POSTERN_URL` and `POSTERN_API_KEY` name, as far as they are set."""
    named = {"url": os.environ.get("POSTERN_URL"), "api_key": os.environ.get("POSTERN_API_KEY")}
    return {name: value for name, value in named.items() if value}


def user() -> str:
    """The name of the system user, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _take(remembered: Mapping[str, str]) -> None:
    """Set exactly these variables: a setting that they leave out must not come from another gateway's environment.

    Where AWS itself stands behind that gateway, the credentials are those of the environment: no file keeps them.
    """
    isolate(keep_aws=_SIMULATED not in remembered)
    assume(remembered)


def _remembered(data: Path) -> dict[str, str]:
    try:
        remembered: dict[str, str] = json.loads(DataDir(data).environment.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CommandFailed(f"no gateway ever ran in {data}: start one with `./postern up --data {data}`") from error
    return remembered


def _require_the_same_database(remembered: Mapping[str, str]) -> None:
    """Refuse to work on ./data when `DATABASE_URL` names another database."""
    settings = load(secret_keys=remembered["SECRET_KEYS"])
    if "database_url" in settings.model_fields_set and settings.database_url != remembered["DATABASE_URL"]:
        raise CommandFailed("DATABASE_URL is not the database of ./data: set SECRET_KEYS as well, or pass --data data")


def _lacks_only_keys(error: SettingsError) -> bool:
    cause = error.__cause__
    return isinstance(cause, ValidationError) and [(fault["loc"], fault["type"]) for fault in cause.errors()] == [
        (("secret_keys",), "missing")
    ]
