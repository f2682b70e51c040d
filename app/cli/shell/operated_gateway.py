"""The environment of the parts that `up` runs, and how a command beside them takes the same.

It decides which variables are ours while the simulator plays AWS: nothing of the user's own AWS set-up may get through,
so that no mail can leave the machine. It starts nothing.
"""

import getpass
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from app.cli.command import CommandFailed
from app.cli.data_dir import DataDir
from app.domain.callers import Caller
from app.services.authenticate import operator
from app.wiring import Gateway, build
from config import Settings, SettingsError, load

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_DATA = Path("data")
CONFIGURATION_SET = "postern"
NO_PROXY = "127.0.0.1,localhost"


def of_the_parts(
    *, data: DataDir, public_url: str, simulator_url: str, settings: Settings, topic_arn: str
) -> dict[str, str]:
    """What the web, the worker and beat are told. `settings` has the keys, the database, Redis and the region."""
    return {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "FLIGHT_DIR": str(data.flight.resolve()),
        "SECRET_KEYS": ",".join(key.get_secret_value() for key in settings.secret_keys),
        "PUBLIC_URL": public_url,
        "SES_CONFIGURATION_SET": CONFIGURATION_SET,
        "SNS_TOPIC_ARNS": topic_arn,
        "SNS_SIGNATURE_VERSION": "2",
        "SNS_PINNED_CERTIFICATE": str(data.certificate.resolve()),
        "MALLOC_ARENA_MAX": "2",
        **of_aws(simulator_url, region=settings.aws_region),
    }


def of_aws(simulator_url: str, *, region: str) -> dict[str, str]:
    """What boto3 is told: the simulator and nobody else, and not through a proxy."""
    return {
        "AWS_REGION": region,
        "AWS_ENDPOINT_URL_SESV2": simulator_url,
        "AWS_ENDPOINT_URL_SNS": simulator_url,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "AWS_ACCESS_KEY_ID": "simulator",
        "AWS_SECRET_ACCESS_KEY": "simulator",
        "AWS_SESSION_TOKEN": "",
        "NO_PROXY": NO_PROXY,
        "no_proxy": NO_PROXY,
        "PYTHONPATH": str(CHECKOUT),
    }


def assume(environment: Mapping[str, str]) -> None:
    """Take these variables for this process and all that it starts."""
    os.environ.update(environment)


def take_from(data: Path | None) -> None:
    """Take the environment that a command is to work in.

    That of the data directory that is named; else the process's own when it holds `SECRET_KEYS`; else that of ./data.
    Raises `CommandFailed` and `SettingsError`.
    """
    if data is not None:
        assume(_remembered(data))
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
        assume(remembered)


@contextmanager
def operated_gateway(data: Path | None) -> Iterator[tuple[Gateway, Caller]]:
    """The gateway that is configured, and the person at the command line as its caller.

    Raises `CommandFailed` when its database is away or not migrated.
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


def of_the_client() -> dict[str, str]:
    """The gateway that `POSTERN_URL` and `POSTERN_API_KEY` name, as far as they are set."""
    named = {"url": os.environ.get("POSTERN_URL"), "api_key": os.environ.get("POSTERN_API_KEY")}
    return {name: value for name, value in named.items() if value}


def user() -> str:
    """Who is at the keyboard, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _remembered(data: Path) -> dict[str, str]:
    try:
        remembered: dict[str, str] = json.loads(DataDir(data).environment.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CommandFailed(f"no gateway was ever up in {data}: start one with `./postern up --data {data}`") from error
    return remembered


def _require_the_same_database(remembered: Mapping[str, str]) -> None:
    """An operator who names a database must never be led to another one."""
    settings = load(secret_keys=remembered["SECRET_KEYS"])
    if "database_url" in settings.model_fields_set and settings.database_url != remembered["DATABASE_URL"]:
        raise CommandFailed("DATABASE_URL is not the database of ./data: set SECRET_KEYS as well, or pass --data data")


def _lacks_only_keys(error: SettingsError) -> bool:
    cause = error.__cause__
    return isinstance(cause, ValidationError) and [(fault["loc"], fault["type"]) for fault in cause.errors()] == [
        (("secret_keys",), "missing")
    ]
