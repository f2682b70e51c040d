"""A whole gateway on loopback, from nothing to ready: what `up` keeps running and `demo` plays with.

It decides the order: each part starts when what it needs is there, and the database is migrated once, before anybody
opens it. How the parts run is in `parts.py`, how they are watched in `supervise.py`.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from alembic import command
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy.exc import SQLAlchemyError

from app.cli import environment, parts
from app.cli.aws_setup import AwsSetup, aws_setup
from app.cli.command import CommandFailed
from app.cli.data_dir import DataDir, write_private_json
from app.cli.embedded import valkey
from app.cli.probes import pings, require_free_port
from app.cli.supervise import Supervisor
from app.domain.callers import Scope
from app.domain.errors import PosternError
from app.services.issue_keys import IssueKeys
from app.wiring import Gateway, alembic_config, build
from config import Settings, load

SENDER = "invitations@example.com"
CONFIRMED_WITHIN_S = 30.0
LOOK_EVERY_S = 0.05
_OF_AN_APPLICATION = frozenset(Scope) - {Scope.ADMIN, Scope.METRICS_READ}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the gateway and the simulator listen, on loopback."""

    gateway: int
    simulator: int

    def require_free(self) -> None:
        """Raise `PortInUse` unless both can be had."""
        require_free_port("127.0.0.1", self.gateway)
        require_free_port("127.0.0.1", self.simulator, option="--simulator-port")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What somebody needs to use the gateway. `sender` is a From address that the API key may use."""

    url: str
    api_key: str
    admin_key: str
    sender: str
    simulator_url: str
    database_url: str
    redis_url: str

    def as_json(self) -> dict[str, str]:
        """As it stands in `ready.json`."""
        told = asdict(self)
        return {"url": told.pop("url"), "from": told.pop("sender"), **told}


def start(supervisor: Supervisor, data: DataDir, ports: Ports, *, tell: Callable[[str], None]) -> Ready:
    """Start every part below `supervisor` and return when mail can be sent. `tell` hears what is being done.

    Raises `ChildFailed`, `CommandFailed`, `CannotEmbed` and `SettingsError`. The process takes the environment of the
    parts, so that what it does itself it does to the same gateway.
    """
    url, simulator_url = f"http://127.0.0.1:{ports.gateway}", f"http://127.0.0.1:{ports.simulator}"
    settings = _start_redis(supervisor, data, tell)
    environment.assume(environment.of_aws(simulator_url, region=settings.aws_region))
    tell("the simulator of SES and SNS")
    supervisor.start(parts.simulator(data.simulator, port=ports.simulator, region=settings.aws_region))
    aws = aws_setup(settings.aws_region)
    topic_arn = _make_topic(aws)
    told = environment.of_the_parts(
        data=data, public_url=url, simulator_url=simulator_url, settings=settings, topic_arn=topic_arn
    )
    environment.assume(told)
    write_private_json(data.environment, told)
    tell("the database")
    _migrate(settings.database_url)
    gateway = build(load())
    try:
        _start_processes(supervisor, gateway, data, ports, tell)
        tell("the subscription to the topic of SES's events")
        _subscribe(supervisor, aws, topic_arn, url)
        keys = _keys(gateway, data)
    finally:
        gateway.close()
    return Ready(
        url=url,
        **keys,
        sender=SENDER,
        simulator_url=simulator_url,
        database_url=settings.database_url,
        redis_url=settings.redis_url,
    )


def _start_redis(supervisor: Supervisor, data: DataDir, tell: Callable[[str], None]) -> Settings:
    """The settings with their database and a Redis that runs: those of the environment, else those that come along."""
    given = {"secret_keys": data.secret_key(), "sns_topic_arns": (), "sns_pinned_certificate": None}
    chosen = load(**given)
    if "database_url" not in chosen.model_fields_set:
        given["database_url"] = data.database_url
    if "redis_url" not in chosen.model_fields_set:
        tell("Valkey")
        embedded = valkey(data.path)
        supervisor.start(embedded.child)
        given["redis_url"] = embedded.redis_url
    elif not pings(chosen.redis_url):
        raise CommandFailed("the Redis at REDIS_URL does not answer: start it, or unset REDIS_URL for the embedded one")
    return load(**given)


def _start_processes(
    supervisor: Supervisor, gateway: Gateway, data: DataDir, ports: Ports, tell: Callable[[str], None]
) -> None:
    tell("the web")
    supervisor.start(parts.web(ports.gateway))
    tell("the workers")
    supervisor.start(parts.worker(gateway.database))
    supervisor.start(parts.beat(data.schedule))


def _make_topic(aws: AwsSetup) -> str:
    try:
        return aws.make_topic(environment.CONFIGURATION_SET)
    except (BotoCoreError, ClientError) as error:
        raise CommandFailed(f"the simulator could not be set up: {error}") from error


def _migrate(database_url: str) -> None:
    try:
        command.upgrade(alembic_config(database_url), "head")
    except SQLAlchemyError as error:
        raise CommandFailed(f"the database cannot be migrated ({type(error).__name__}): check DATABASE_URL") from error


def _subscribe(supervisor: Supervisor, aws: AwsSetup, topic_arn: str, url: str) -> None:
    """Subscribe the gateway, and wait until it has confirmed by itself."""
    aws.subscribe(topic_arn, url)
    deadline = time.monotonic() + CONFIRMED_WITHIN_S
    while not aws.is_confirmed(topic_arn, url):
        supervisor.tend()
        if time.monotonic() > deadline:
            log = supervisor.log_of("web")
            raise CommandFailed(f"the gateway did not confirm its subscription: see {log}")
        time.sleep(LOOK_EVERY_S)


def _keys(gateway: Gateway, data: DataDir) -> dict[str, str]:
    """The application's key and the administrator's: those remembered if this database knows them, else new ones."""
    remembered = json.loads(data.keys.read_text(encoding="utf-8")) if data.keys.exists() else {}
    if all(_is_known(gateway, remembered.get(name)) for name in ("api_key", "admin_key")):
        return dict(remembered)
    issued = {
        "api_key": _issue(gateway.issue_keys, "demo", _OF_AN_APPLICATION, senders=("@example.com",)),
        "admin_key": _issue(gateway.issue_keys, "operators", frozenset({Scope.ADMIN})),
    }
    write_private_json(data.keys, issued)
    return issued


def _is_known(gateway: Gateway, token: str | None) -> bool:
    try:
        gateway.authenticate(f"Bearer {token}")
    except PosternError:
        return False
    return True


def _issue(issue_keys: IssueKeys, app: str, scopes: frozenset[Scope], *, senders: tuple[str, ...] = ()) -> str:
    actor = f"cli:{environment.user()}"
    return issue_keys.create(actor=actor, app=app, name="postern up", scopes=scopes, senders=senders).token
