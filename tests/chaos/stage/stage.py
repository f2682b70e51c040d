"""The stage of a drill: a whole gateway of real processes, each of which can fail, behind networks that can fail.

It decides the parts, their settings and their connections. Web, SMTP door, worker and beat run with their production
command lines; the database, Redis, SES, the webhook and the SMTP door are reached through a proxy. It applies no fault
itself.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import urllib3
from redis import Redis

from app.cli.local.children import processes
from app.cli.local.children.port_checks import answers, free_port
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
from tests.chaos.stage.site import Piece, Site, own_postgres, own_redis, own_sqlite
from tests.support.aws.setup.bare_account import bare_account
from tests.support.gateway.gateways import migrate

PATIENCE_S = 30.0
SENDER = "invitations@example.com"
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
    database: Piece | None = None,
    redis: Piece = own_redis,
) -> Iterator[Stage]:
    """A running gateway below `root`; afterwards only its files remain.

    Meanwhile this process has the environment of the parts. `variables` has further variables of single parts, by name;
    `database` and `redis` start other servers than the stage's own.
    """
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o711)
    (root / "logs").mkdir()
    data = DataDir(root / "gateway")
    data.path.mkdir(exist_ok=True)
    own = own_sqlite if drill.database is DatabaseKind.SQLITE else own_postgres
    with _own_environment(), Networks() as networks, ExitStack() as to_close, Keeper() as keeper:
        site = Site(root=root, data=data, networks=networks, keeper=keeper)
        yield _Builder(drill, site, variables or {}, to_close).build(database or own, redis)


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
        self, drill: Drill, site: Site, variables: Mapping[str, Mapping[str, str]], to_close: ExitStack
    ) -> None:
        self._variables = variables
        self._to_close = to_close
        self._drill = drill
        self._site = site
        self._data = site.data

    def build(self, start_database: Piece, start_redis: Piece) -> Stage:
        redis = start_redis(self._site)
        simulator = Simulated(self._simulator())
        database = start_database(self._site)
        ses = self._site.networks.open_tcp("ses", int(simulator.url.rpartition(":")[2]))
        operated_gateway.assume(operated_gateway.of_aws(simulator.url, region="us-east-1"))
        aws = bare_account("us-east-1")
        topic_arn = aws.make_topic(operated_gateway.CONFIGURATION_SET)
        queue = None if self._drill.intake is Intake.HTTPS else make_queue(simulator.url, topic_arn)
        port, smtp_port = free_port(), free_port()
        webhook = self._site.networks.open_tcp("webhook", port)
        public_url = f"http://127.0.0.1:{webhook}"
        migrate(database.direct)
        settings = load(
            secret_keys=self._data.secret_key(),
            database_url=database.gateway,
            redis_url=redis.gateway,
            sns_topic_arns=(),
            sns_pinned_certificate=None,
        )
        environment = operated_gateway.of_the_parts(data=self._data, public_url=public_url, settings=settings)
        environment |= operated_gateway.of_aws(f"http://127.0.0.1:{ses}", region=settings.aws_region)
        environment |= operated_gateway.of_the_simulator(self._data, topic_arn=topic_arn)
        environment |= {"SMTP_PORT": str(smtp_port), "SMTP_CLEAR_AUTH_ON_LOOPBACK": "true"}
        environment |= {**database.variables, **redis.variables}
        operated_gateway.assume(environment | self._timers() | ({"SQS_QUEUE_URLS": queue.url} if queue else {}))
        keys = issue_keys(load())
        observed = Database(database.direct, pool_size=1)
        self._to_close.callback(observed.close)
        self._processes(port, smtp_port, observed)
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
            root=self._site.root,
            url=f"http://127.0.0.1:{port}",
            smtp_port=self._site.networks.open_tcp("smtp", smtp_port),
            keys=keys,
            secret_key=self._data.secret_key(),
            simulator=simulator,
            networks=self._site.networks,
            machines=self._site.machines,
            database_url=database.direct,
            redis_url=redis.direct,
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

    def _simulator(self) -> str:
        port = free_port()
        part = processes.simulator(self._data.simulator, port=port, region="us-east-1")
        options = ("--latency-ms", "40", "--max-send-rate", "2000", "--max-24h", "-1", "--retry-delay", "1")
        argv = (*part.argv, *options, "--event-delay-ms", "20", "300", "--seed", str(self._drill.seed))
        self._site.start(
            Machine(
                name="simulator",
                argv=argv,
                env={"PYTHONPATH": str(operated_gateway.CHECKOUT)},
                log=self._site.log("simulator"),
                ready=part.ready,
            )
        )
        return f"http://127.0.0.1:{port}"

    def _processes(self, port: int, smtp_port: int, database: Database) -> None:
        for part in (
            processes.web(port),
            processes.smtp(smtp_port),
            processes.worker(Workforce(database=database)),
            processes.beat(),
        ):
            ready = partial(answers, f"http://127.0.0.1:{port}/healthz") if part.name == "web" else part.ready
            env = {**part.env, **self._variables.get(part.name, {})}
            self._site.start(
                Machine(name=part.name, argv=part.argv, env=env, log=self._site.log(part.name), ready=ready)
            )
        database.close()


def _until(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        if time.monotonic() > deadline:
            raise NotUp(f"waited in vain until {what}")
        time.sleep(0.1)
