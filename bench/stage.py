"""The stage of a benchmark: PostgreSQL, Valkey and the simulator with its latency, each a real process."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_urlsafe

from app.aws.clients import sesv2_client
from app.cli.probes import answers, free_port
from app.cli.supervise import Child, Supervisor
from app.wiring import Gateway, build
from config import load
from tests.gateways import migrate
from tests.services import running_postgres, running_valkey, service_directory

TOPIC = "arn:aws:sns:us-east-1:123456789012:postern-feedback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What stands there."""

    gateway: Gateway
    supervisor: Supervisor


@contextmanager
def stage(*, latency_ms: int, threads: int) -> Iterator[Stage]:
    """Set it up, and take all of it away."""
    with (
        service_directory() as directory,
        running_postgres(directory, durable=True) as postgres,
        running_valkey(directory) as redis,
    ):
        database_url = postgres.url(postgres.create_database())
        migrate(database_url)
        port = free_port()
        environment = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis,
            "SECRET_KEYS": token_urlsafe(32),
            "SNS_TOPIC_ARNS": TOPIC,
            "SES_CONFIGURATION_SET": "postern",
            "SES_THREADS": str(threads),
            "SES_MAX_SEND_RATE": "100000",
            "FLIGHT_DIR": str(directory / "flight"),
            "AWS_ENDPOINT_URL_SESV2": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "LOG_LEVEL": "WARNING",
        }
        os.environ.update(environment)
        with Supervisor(directory / "logs", announce=_quiet) as supervisor:
            supervisor.start(_simulator(directory / "simulator", port=port, latency_ms=latency_ms))
            sesv2_client("us-east-1", pool=1).create_configuration_set(ConfigurationSetName="postern")
            gateway = build(load())
            try:
                yield Stage(gateway=gateway, supervisor=supervisor)
            finally:
                gateway.close()


def wait_until(done: Callable[[], bool], *, within_s: float = 300.0) -> None:
    """Poll until `done()` is true."""
    ends = time.monotonic() + within_s
    while not done():
        if time.monotonic() > ends:
            raise TimeoutError("the benchmark did not come to its end")
        time.sleep(0.02)


def _simulator(data: Path, *, port: int, latency_ms: int) -> Child:
    words = ("--port", str(port), "--data", str(data), "--latency-ms", str(latency_ms))
    unbounded = ("--max-send-rate", "1000000", "--max-24h", "-1")
    return Child(
        name="simulator",
        argv=(sys.executable, "-m", "simulator", *words, *unbounded),
        ready=partial(answers, f"http://127.0.0.1:{port}/"),
    )


def _quiet(_: str) -> None:
    """Nothing to say between the rows of a table."""
