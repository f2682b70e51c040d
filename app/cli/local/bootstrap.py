"""Start a whole gateway on loopback, for `up` and `demo`.

This module decides the order: each process starts when what it needs is ready, and the database is migrated once,
before any process opens it. `processes.py` has the command lines, `supervisor.py` watches the processes.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from alembic import command
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from app.cli.local import ownership
from app.cli.local.aws_behind import Open
from app.cli.local.children import processes
from app.cli.local.children.embedded_valkey import valkey
from app.cli.local.children.port_checks import require_free_port
from app.cli.local.children.supervisor import Supervisor
from app.cli.shell import operated_gateway
from app.cli.shell.command import CommandFailed
from app.cli.shell.data_dir import DataDir, write_private_json
from app.domain.apps.callers import Scope
from app.domain.apps.doors import SesAccess, SmtpAccess
from app.domain.errors import PosternError
from app.domain.users.links import sign_in_link
from app.services.apps.authenticate import operator
from app.services.apps.issue_keys import IssueKeys
from app.wiring.gateway import Gateway, build
from app.wiring.migrations import alembic_config
from config import Settings, load

GONE = "kim.gone@example.com"
"""The address that bounces, in the demo and under `up`."""
_OF_AN_APPLICATION = frozenset(Scope) - {Scope.ADMIN, Scope.METRICS_READ}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the gateway and the simulator listen, on loopback."""

    gateway: int
    simulator: int
    smtp: int | None = None
    """None: this gateway has no SMTP door."""

    @property
    def url(self) -> str:
        """The URL of the gateway."""
        return f"http://127.0.0.1:{self.gateway}"

    def require_free(self) -> None:
        """Raise `PortInUse` unless all ports are free."""
        require_free_port("127.0.0.1", self.gateway)
        require_free_port("127.0.0.1", self.simulator, option="--simulator-port")
        if self.smtp is not None:
            require_free_port("127.0.0.1", self.smtp, option="--smtp-port")


_OF_ONE_SIDE = {"simulator_url", "account", "smtp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The URLs and keys for using the gateway. `sender` is a From address that the API key may use.

    `console_url` signs the first administrator in, once.
    `simulator_url` is empty where AWS itself stands behind the gateway, and `account` where the simulator does.
    """

    url: str
    api_key: str
    admin_key: str
    console_url: str
    sender: str
    simulator_url: str
    database_url: str
    redis_url: str
    ses: SesAccess
    account: str = ""
    smtp: SmtpAccess | None = None

    def as_json(self) -> dict[str, Any]:
        """The content of `ready.json`."""
        rest = {name: text for name, text in asdict(self).items() if text or name not in _OF_ONE_SIDE}
        return {"url": rest.pop("url"), "from": rest.pop("sender"), **rest, **self.pages()}

    def pages(self) -> dict[str, str]:
        """The pages for people, by name."""
        inbox = {"inbox_url": f"{self.simulator_url}/"} if self.simulator_url else {}
        return {
            **inbox,
            "docs_url": f"{self.url}/docs",
            "openapi_url": f"{self.url}/openapi.json",
            "readyz_url": f"{self.url}/readyz",
            "metrics_url": f"{self.url}/metrics",
        }


def start(
    supervisor: Supervisor,
    data: DataDir,
    ports: Ports,
    *,
    show: Callable[[str], None],
    aws: Open,
    canary: bool = False,
) -> Ready:
    """Start every process under `supervisor` and return when emails can be sent.

    `show` is called with the name of each part before it starts. `aws` opens what stands behind the gateway. With
    `canary` one is sent every minute. This process takes over the environment of the gateway, so that it works on the
    same gateway itself. The caller has to call `operated_gateway.isolate` first, so that no setting of another gateway
    remains.

    Raises `ChildFailed`, `CommandFailed`, `CannotEmbed` and `SettingsError`.
    """
    settings = _start_redis(supervisor, data, show)
    variables = operated_gateway.of_the_parts(data=data, public_url=ports.url, settings=settings)
    behind = aws(supervisor, settings, show)
    variables |= behind.variables
    if canary:
        variables |= {"CANARY_MINUTES": "1", "CANARY_FROM": behind.sender}
    if ports.smtp is not None:
        variables |= {"SMTP_PORT": str(ports.smtp), "SMTP_CLEAR_AUTH_ON_LOOPBACK": "true"}
    operated_gateway.assume(variables)
    write_private_json(data.environment, variables)
    show("the database")
    _migrate(settings.database_url)
    gateway = build(load())
    try:
        show("the web")
        supervisor.start(processes.web(ports.gateway))
        if ports.smtp is not None:
            show("the SMTP door")
            supervisor.start(processes.smtp(ports.smtp))
        # Before the workers: email that waits from an earlier run needs the configuration set.
        show("the way back of events")
        behind.connect()
        show("the workers")
        supervisor.start(processes.worker(gateway.workforce))
        supervisor.start(processes.beat())
        keys = _keys(gateway, data, domain=behind.sender.rpartition("@")[2])
        first_link = gateway.users.users.first_admin(operator(operated_gateway.user()))
    finally:
        gateway.close()
    return Ready(
        url=ports.url,
        **keys,
        console_url=sign_in_link(ports.url, first_link),
        sender=behind.sender,
        simulator_url=behind.simulator_url,
        account=behind.account,
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        ses=gateway.doors.ses(*_halves(keys["api_key"])),
        smtp=None if ports.smtp is None else gateway.doors.smtp(*_halves(keys["api_key"])),
    )


def _start_redis(supervisor: Supervisor, data: DataDir, show: Callable[[str], None]) -> Settings:
    """The settings with a database and a running Redis: those of the environment, else SQLite and embedded Valkey."""
    given = {"secret_keys": data.secret_key(), "sns_topic_arns": ()}
    chosen = load(**given)
    if "database_url" in chosen.model_fields_set:
        ownership.take_database(
            chosen.database_url,
            named="the database of DATABASE_URL",
            instead="name an empty one, or leave out --use-environment",
        )
    else:
        given["database_url"] = data.database_url
        ownership.take_database(
            data.database_url,
            named=f"the database in {data.path}",
            instead="pass --data with another directory",
            made_before_marks=data.remembers(data.database_url),
        )
    if "redis_url" in chosen.model_fields_set:
        ownership.take_redis(chosen.redis_url)
    else:
        show("Valkey")
        embedded = valkey(data.path)
        supervisor.start(embedded.child)
        given["redis_url"] = embedded.redis_url
    return load(**given)


def _migrate(database_url: str) -> None:
    try:
        command.upgrade(alembic_config(database_url), "head")
    except (CommandError, SQLAlchemyError) as error:
        raise CommandFailed(f"the database cannot be migrated ({type(error).__name__}): check DATABASE_URL") from error


def _keys(gateway: Gateway, data: DataDir, *, domain: str) -> dict[str, str]:
    """The keys of the application and the administrator: those in `keys.json` if this database has them, else new."""
    remembered = json.loads(data.keys.read_text(encoding="utf-8")) if data.keys.exists() else {}
    if all(_opens_all(gateway, remembered.get(name)) for name in ("api_key", "admin_key")):
        return dict(remembered)
    issued = {
        "api_key": _issue(gateway.issue_keys, "demo", _OF_AN_APPLICATION, senders=(f"@{domain}",)),
        "admin_key": _issue(gateway.issue_keys, "operators", frozenset({Scope.ADMIN})),
    }
    write_private_json(data.keys, issued)
    return issued


def _opens_all(gateway: Gateway, token: str | None) -> bool:
    """Whether the key is known here and opens every door. One of an older version does not."""
    try:
        caller = gateway.authenticate(f"Bearer {token}")
        caller.require(Scope.SMTP)
        caller.require(Scope.SES)
    except PosternError:
        return False
    return True


def _halves(token: str) -> tuple[str, str]:
    """The id of a key and its secret: the user and the password of SMTP, and the two keys of AWS."""
    prefix, public_id, secret = token.split("_", 2)
    return f"{prefix}_{public_id}", secret


def _issue(issue_keys: IssueKeys, app: str, scopes: frozenset[Scope], *, senders: tuple[str, ...] = ()) -> str:
    actor = f"cli:{operated_gateway.user()}"
    return issue_keys.create(actor=actor, app=app, name="postern up", scopes=scopes, senders=senders).token
