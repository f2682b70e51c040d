"""The stage of a drill: a whole gateway of real processes, each of which can fail, behind networks that can fail.

It decides the parts, their settings and their connections. Web, SMTP door, worker and beat run with their production
command lines; the database, Redis, SES, the webhook and the SMTP door are reached through a proxy. It applies no fault
itself.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import urllib3
from redis import Redis

from app.cli.local.children import processes
from app.cli.local.children.embedded_valkey import valkey_command
from app.cli.local.children.port_checks import answers, free_port, pings
from app.cli.shell import operated_gateway
from app.cli.shell.data_dir import DataDir
from app.domain.account.setup.blueprint import FEEDBACK_PATH
from app.services.operating.workers import Workforce
from app.store.engine.database import Database
from config import load
from tests.chaos.drill import DatabaseKind, Drill, Intake
from tests.chaos.faults.plan import ATTEMPTS
from tests.chaos.stage.keys import DrillKeys, issue_keys
from tests.chaos.stage.machines import Keeper, Machine, NotUp
from tests.chaos.stage.networks import Networks
from tests.chaos.stage.queue import DrillQueue, make_queue
from tests.support.aws.setup.bare_account import bare_account
from tests.support.gateway.gateways import migrate
from tests.support.servers.servers import Postgres, postgres_binaries, run_as, unprivileged_user

PATIENCE_S = 30.0
SENDER = "invitations@example.com"
INITDB = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
POSTGRES = {"listen_addresses": "", "max_connections": "120", "dynamic_shared_memory_type": "mmap"}
VALKEY = {"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction"}
# An hour of SNS's retries, shortened: no outage of the webhook here outlasts them.
DELIVERY_POLICY = '{"healthyRetryPolicy":{"numRetries":100,"minDelayTarget":1,"maxDelayTarget":2}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The gateway of a drill. `secret_key` is the first value of SECRET_KEYS; `smtp_port` is the proxy's.

    `database_url`, `ledger` and `queue` are for observers: they bypass the networks that fail.
    """

    drill: Drill
    root: Path
    url: str
    smtp_port: int
    keys: DrillKeys
    secret_key: str
    simulator: "Simulated"
    networks: Networks
    machines: Mapping[str, Machine]
    database_url: str
    redis_url: str
    ledger: Path
    queue: DrillQueue | None = None

    def redis(self) -> Redis:
        """Redis itself, without the proxy."""
        return Redis.from_url(self.redis_url, socket_timeout=PATIENCE_S)


@dataclass(frozen=True, slots=True)
class Simulated:
    """The control surface of the simulator."""

    url: str

    def call(self, method: str, path: str, content: Any = None) -> Any:
        """Make one request and return the answer."""
        with urllib3.PoolManager(retries=False, timeout=10) as pool:
            answer = pool.request(method, f"{self.url}/_simulator/{path}", json=content)
        assert answer.status < 300, answer.data
        return answer.json()


@contextmanager
def staged(
    drill: Drill,
    root: Path,
    *,
    variables: Mapping[str, Mapping[str, str]] | None = None,
    tablespace: Path | None = None,
) -> Iterator[Stage]:
    """A running gateway below `root`; afterwards only its files remain.

    Meanwhile this process has the environment of the parts. `variables` has further variables of single parts, by name;
    `tablespace` is an empty directory for PostgreSQL's tables, if they are not to be beside its log.
    """
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o711)
    (root / "logs").mkdir()
    data = DataDir(root / "gateway")
    data.path.mkdir(exist_ok=True)
    with _own_environment(), Networks() as networks, Keeper() as keeper:
        yield _Builder(drill, root, data, networks, keeper, variables or {}, tablespace).build()


@contextmanager
def _own_environment() -> Iterator[None]:
    """Restores the environment of this process after the block."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class _Builder:
    """Starts the parts one after another, each once the parts that it needs are up."""

    def __init__(
        self,
        drill: Drill,
        root: Path,
        data: DataDir,
        networks: Networks,
        keeper: Keeper,
        variables: Mapping[str, Mapping[str, str]],
        tablespace: Path | None,
    ) -> None:
        self._variables = variables
        self._tablespace = tablespace
        self._drill = drill
        self._root = root
        self._data = data
        self._networks = networks
        self._keeper = keeper
        self._machines: dict[str, Machine] = {}

    def build(self) -> Stage:
        redis_url = self._redis()
        simulator = Simulated(self._simulator())
        direct, proxied = self._database()
        ses = self._networks.open_tcp("ses", int(simulator.url.rpartition(":")[2]))
        operated_gateway.assume(operated_gateway.of_aws(simulator.url, region="us-east-1"))
        aws = bare_account("us-east-1")
        topic_arn = aws.make_topic(operated_gateway.CONFIGURATION_SET)
        queue = None if self._drill.intake is Intake.HTTPS else make_queue(simulator.url, topic_arn)
        port, smtp_port = free_port(), free_port()
        webhook = self._networks.open_tcp("webhook", port)
        public_url = f"http://127.0.0.1:{webhook}"
        migrate(direct)
        settings = load(
            secret_keys=self._data.secret_key(),
            database_url=proxied,
            redis_url=redis_url,
            sns_topic_arns=(),
            sns_pinned_certificate=None,
        )
        environment = operated_gateway.of_the_parts(data=self._data, public_url=public_url, settings=settings)
        environment |= operated_gateway.of_aws(f"http://127.0.0.1:{ses}", region=settings.aws_region)
        environment |= operated_gateway.of_the_simulator(self._data, topic_arn=topic_arn)
        environment |= {"SMTP_PORT": str(smtp_port), "SMTP_CLEAR_AUTH_ON_LOOPBACK": "true"}
        operated_gateway.assume(environment | self._timers() | ({"SQS_QUEUE_URLS": queue.url} if queue else {}))
        keys = issue_keys(load())
        self._processes(port, smtp_port, Database(direct, pool_size=1))
        if queue is not None:
            aws.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue.arn)
        if self._drill.intake is not Intake.SQS:
            aws.sns.subscribe(
                TopicArn=topic_arn,
                Protocol="http",
                Endpoint=public_url + FEEDBACK_PATH,
                Attributes={"DeliveryPolicy": DELIVERY_POLICY},
            )
            _until(lambda: aws.is_confirmed(topic_arn, public_url), "the subscription is confirmed")
        return Stage(
            drill=self._drill,
            root=self._root,
            url=f"http://127.0.0.1:{port}",
            smtp_port=self._networks.open_tcp("smtp", smtp_port),
            keys=keys,
            secret_key=self._data.secret_key(),
            simulator=simulator,
            networks=self._networks,
            machines=self._machines,
            database_url=direct,
            redis_url=f"unix://{self._root / 'redis' / 'socket'}",
            ledger=self._data.simulator / "ledger.jsonl",
            queue=queue,
        )

    def _timers(self) -> dict[str, str]:
        return {
            "LEASE_SECONDS": str(self._drill.lease_s),
            "UNCONFIRMED_QUIET_SECONDS": str(self._drill.quiet_s),
            "SES_MAX_SEND_RATE": "500",
            "MAX_ATTEMPTS": str(ATTEMPTS),
            "LOG_LEVEL": "INFO",
            "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        }

    def _start(self, machine: Machine) -> None:
        self._machines[machine.name] = self._keeper.start(machine)

    def _log(self, name: str) -> Path:
        return self._root / "logs" / f"{name}.log"

    def _redis(self) -> str:
        directory = self._root / "redis"
        directory.mkdir()
        socket = directory / "socket"
        self._start(
            Machine(
                name="redis",
                argv=valkey_command(directory, socket, VALKEY),
                log=self._log("redis"),
                ready=partial(pings, f"unix://{socket}"),
            )
        )
        return f"redis://127.0.0.1:{self._networks.open_unix('redis', socket)}/0"

    def _simulator(self) -> str:
        port = free_port()
        part = processes.simulator(self._data.simulator, port=port, region="us-east-1")
        options = ("--latency-ms", "40", "--max-send-rate", "2000", "--max-24h", "-1", "--retry-delay", "1")
        argv = (*part.argv, *options, "--event-delay-ms", "20", "300", "--seed", str(self._drill.seed))
        self._start(
            Machine(
                name="simulator",
                argv=argv,
                env={"PYTHONPATH": str(operated_gateway.CHECKOUT)},
                log=self._log("simulator"),
                ready=part.ready,
            )
        )
        return f"http://127.0.0.1:{port}"

    def _database(self) -> tuple[str, str]:
        """Its address without the proxy, and the one for the gateway."""
        if self._drill.database is DatabaseKind.SQLITE:
            return self._data.database_url, self._data.database_url
        user = unprivileged_user() if os.geteuid() == 0 else None
        binaries = postgres_binaries(self._root, user)
        data = self._root / "postgres"
        data.mkdir(mode=0o700)
        if user is not None:
            os.chown(data, *user)
        made = run_as(user, (str(binaries / "initdb"), "-D", str(data), *INITDB))
        assert made.returncode == 0, made.stdout
        server = Postgres(data)
        options = [word for name, value in POSTGRES.items() for word in ("-c", f"{name}={value}")]
        self._start(
            Machine(
                name="database",
                argv=(str(binaries / "postgres"), "-D", str(data), "-k", str(data), *options),
                log=self._log("database"),
                ready=server.is_up,
                user=user,
                orphan_signal=signal.SIGQUIT,
            )
        )
        if self._tablespace is not None:
            if user is not None:
                os.chown(self._tablespace, *user)
            server.execute(f"CREATE TABLESPACE data LOCATION '{self._tablespace}'")
        server.execute(f"CREATE DATABASE postern TABLESPACE {'data' if self._tablespace else 'pg_default'}")
        port = self._networks.open_unix("database", data / ".s.PGSQL.5432")
        return server.url("postern"), f"postgresql+psycopg://postgres@127.0.0.1:{port}/postern"

    def _processes(self, port: int, smtp_port: int, database: Database) -> None:
        for part in (
            processes.web(port),
            processes.smtp(smtp_port),
            processes.worker(Workforce(database=database)),
            processes.beat(),
        ):
            ready = partial(answers, f"http://127.0.0.1:{port}/healthz") if part.name == "web" else part.ready
            env = {**part.env, **self._variables.get(part.name, {})}
            self._start(Machine(name=part.name, argv=part.argv, env=env, log=self._log(part.name), ready=ready))
        database.close()


def _until(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        if time.monotonic() > deadline:
            raise NotUp(f"waited in vain until {what}")
        time.sleep(0.1)
