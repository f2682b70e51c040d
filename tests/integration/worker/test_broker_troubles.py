"""Real Celery workers on a real Valkey that refuses commands: email still goes out, and bells come back."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from redis import Redis
from sqlalchemy import select

from app.cli.local.children.supervisor import Child, Supervisor, tail_of
from app.cli.shell import operated_gateway
from app.domain.sending.state_machine import State
from app.services.operating.health import Check
from app.store.tables.core import heartbeats
from app.wiring.gateway import Gateway
from simulator import Options, Simulator
from tests.support.gateway.emails import state_of, submit
from tests.support.gateway.gateways import SECRET_KEY, TOPIC, caller, gateway_on
from tests.support.servers.cli import surroundings
from tests.support.servers.redis_troubles import TROUBLES, Trouble, TroubledValkey, troubled_valkey
from tests.support.servers.valkey import failing_valkey, in_cluster_mode

PATIENCE_S = 60.0
SILENCE_S = 5
UPKEEP = "postern:broker:upkeep"
NOT_SENT = {State.QUEUED, State.SENDING, State.SCHEDULED, State.RETRY_WAIT}


class Worker:
    """One worker that is never restarted, and the gateway that submits to it."""

    def __init__(self, supervisor: Supervisor, gateway: Gateway) -> None:
        self._supervisor = supervisor
        self._gateway = gateway
        self._who = caller(gateway)

    def is_there(self, look: Callable[[], bool]) -> None:
        """Wait until the condition is true; fail when a process of ours ends meanwhile."""
        deadline = time.monotonic() + PATIENCE_S
        while not look():
            self._supervisor.tend()
            assert time.monotonic() < deadline, tail_of(self._supervisor.log_of("worker"))
            time.sleep(0.05)

    def sends(self) -> None:
        """Submit an email, and wait until it is sent."""
        email = submit(self._gateway, self._who, "ann@example.net")
        self.is_there(lambda: self._state(email) not in NOT_SENT)
        assert self._state(email) is State.SENT

    def hears(self) -> None:
        """Wait until messages come through the broker again."""
        before = self._heard()
        self.is_there(lambda: self._heard() != before)

    def what_readyz_says(self) -> tuple[Check, Check]:
        """The checks of the Redis that holds positives, and of the broker."""
        checks = {check.name: check for check in self._gateway.health.ready()}
        return checks["redis"], checks["broker"]

    @property
    def log(self) -> str:
        """The log of the worker."""
        return self._supervisor.log_of("worker").read_text()

    def _state(self, email: UUID) -> State:
        return state_of(self._gateway, email)

    def _heard(self) -> dict[str, object]:
        query = select(heartbeats.c.name, heartbeats.c.seen_at).where(heartbeats.c.kind == "canary")
        with self._gateway.database.reading() as connection:
            return {row.name: row.seen_at for row in connection.execute(query)}


@pytest.fixture(scope="module")
def valkey() -> Iterator[TroubledValkey]:
    with troubled_valkey() as server:
        yield server


@contextmanager
def a_worker(directory: Path, database_url: str, redis_url: str) -> Iterator[Worker]:
    """A worker, on a simulator of its own; the test fails if the worker ends."""
    with Simulator(Options(data=directory / "ses", max_send_rate=1000)) as simulator:
        environment = operated_gateway.of_aws(simulator.url, region="us-east-1") | {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEYS": SECRET_KEY,
            "SNS_TOPIC_ARNS": TOPIC,
            "SES_MAX_SEND_RATE": "100",
            "SES_LIST_SYNC": "off",
            "FLIGHT_DIR": str(directory / "flight"),
            "WORKER_SILENCE_SECONDS": str(SILENCE_S),
        }
        words = ("-P", "-m", "celery", "-A", "tests.support.servers.impatient_worker", "worker", "--concurrency", "1")
        child = Child(name="worker", argv=(sys.executable, *words), env=surroundings(**environment))
        with (
            gateway_on(database_url, redis_url) as gateway,
            Supervisor(directory / "logs", announce=print) as supervisor,
        ):
            supervisor.start(child)
            yield Worker(supervisor, gateway)


# One of each kind: Celery treats them as an error of the channel, of the connection, and of a server that starts.
START = {"a read-only replica", "another password", "loading"}


@pytest.mark.parametrize("trouble", [one for one in TROUBLES if one.name in START], ids=lambda trouble: trouble.name)
def test_a_worker_starts_while_its_broker_refuses(
    tmp_path: Path, migrated_postgres_url: str, valkey: TroubledValkey, trouble: Trouble
) -> None:
    """It sends the email accepted meanwhile, and hears the broker once that takes messages again."""
    with ExitStack() as refusing:
        refusing.enter_context(valkey.in_trouble(trouble))
        with a_worker(tmp_path, migrated_postgres_url, valkey.url) as worker:
            worker.sends()
            refusing.close()
            worker.hears()


def test_a_worker_that_may_not_consume_is_not_stopped(
    tmp_path: Path, migrated_postgres_url: str, valkey: TroubledValkey
) -> None:
    """The broker takes canaries but lets no worker fetch them: another worker would hear no more than this one."""
    [trouble] = [one for one in TROUBLES if one.name == "no permission to consume"]
    with a_worker(tmp_path, migrated_postgres_url, valkey.url) as worker:
        worker.hears()
        with valkey.in_trouble(trouble):
            ends = time.monotonic() + 3 * SILENCE_S
            worker.is_there(lambda: time.monotonic() > ends)
            worker.sends()
        worker.hears()


def test_a_worker_lives_through_every_trouble_of_its_broker(
    tmp_path: Path, migrated_postgres_url: str, valkey: TroubledValkey
) -> None:
    """During each trouble it sends accepted email; after each it hears its broker again, as the same process."""
    with a_worker(tmp_path, migrated_postgres_url, valkey.url) as worker:
        worker.hears()
        for trouble in TROUBLES:
            with valkey.in_trouble(trouble):
                worker.sends()
                redis, broker = worker.what_readyz_says()
                assert not broker.ok, trouble
                assert trouble.message in broker.detail, trouble
                assert redis.ok or trouble.message in redis.detail, trouble
            worker.hears()
        assert "Unrecoverable" not in worker.log
        assert "worker_deaf" not in worker.log


def test_a_worker_goes_on_with_a_broker_that_has_become_a_cluster(tmp_path: Path, migrated_postgres_url: str) -> None:
    """It does not know the cluster's slots, and no command on several keys works; next is a broker without slots."""
    with (
        failing_valkey() as first,
        a_worker(tmp_path, migrated_postgres_url, first.url) as worker,
    ):
        worker.hears()
        first.kill()
        with failing_valkey(at=first.directory, more=in_cluster_mode()) as cluster:
            worker.sends()
            assert "Redis Cluster" in worker.what_readyz_says()[1].detail
            with Redis.from_url(cluster.url) as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            worker.sends()
            assert "Redis Cluster" in worker.what_readyz_says()[1].detail
        with failing_valkey(at=first.directory):
            worker.hears()


def test_beat_lives_through_every_trouble_of_its_broker(tmp_path: Path, valkey: TroubledValkey) -> None:
    """It rings again where it was refused, and is the same process from first to last."""
    environment = {"REDIS_URL": valkey.url, "SECRET_KEYS": SECRET_KEY}
    words = ("-P", "-m", "celery", "-A", "worker.beat", "beat", "--pidfile=")
    child = Child(name="beat", argv=(sys.executable, *words), env=surroundings(**environment))
    with Supervisor(tmp_path / "logs", announce=print) as supervisor, Redis.from_url(valkey.url) as client:

        def until_beat(look: Callable[[], bool]) -> None:
            deadline = time.monotonic() + PATIENCE_S
            while not look():
                supervisor.tend()
                assert time.monotonic() < deadline, tail_of(supervisor.log_of("beat"))
                time.sleep(0.05)

        def rings() -> None:
            client.delete(UPKEEP)
            until_beat(lambda: bool(client.llen(UPKEEP)))

        def complains() -> None:
            before = log.stat().st_size
            until_beat(lambda: log.stat().st_size > before)

        supervisor.start(child)
        log = supervisor.log_of("beat")
        rings()
        for trouble in TROUBLES:
            with valkey.in_trouble(trouble):
                if trouble.name != "no permission to consume":
                    complains()
            rings()
