"""The stage of a benchmark: PostgreSQL with durable commits, Valkey and a stand-in for SES, each a real process."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_urlsafe

from app.cli.probes import answers, free_port
from app.wiring import Gateway, build
from bench.processes import running
from config import load
from tests.gateways import migrate
from tests.services import running_postgres, running_valkey, service_directory

TOPIC = "arn:aws:sns:us-east-1:123456789012:postern-feedback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What stands there."""

    gateway: Gateway
    directory: Path
    environment: dict[str, str]


@contextmanager
def stage(*, latency_ms: float, postgres_settings: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """Set it up, with what its processes need in the environment, and take all of it away."""
    with (
        service_directory() as directory,
        running_postgres(directory, durable=True, more=postgres_settings) as postgres,
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
            "SES_MAX_SEND_RATE": "100000",
            "FLIGHT_DIR": str(directory / "flight"),
            "AWS_ENDPOINT_URL_SESV2": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "LOG_LEVEL": "WARNING",
            "TUTORIAL_DATABASE_URL": postgres.url(postgres.create_database()),
            "TUTORIAL_BROKER_URL": redis.replace("unix://", "redis+socket://").replace("db=0", "virtual_host=1"),
            "TUTORIAL_REDIS_URL": redis.replace("db=0", "db=1"),
        }
        os.environ.update(environment)
        standin = (sys.executable, "-m", "bench.standin", "--port", str(port), "--latency-ms", str(latency_ms))
        url = f"http://127.0.0.1:{port}/"
        with running(standin, log=directory / "standin.log", environment={}, ready=partial(answers, url)):
            gateway = build(load())
            try:
                yield Stage(gateway=gateway, directory=directory, environment=environment)
            finally:
                gateway.close()
