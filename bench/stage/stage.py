"""The stage of a benchmark: PostgreSQL with durable commits, Valkey and a stand-in for SES, each a real process."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_urlsafe

from app.cli.local.children.port_checks import answers, free_port
from app.wiring.gateway import Gateway, build
from bench.load.ses_calls import Call, read
from bench.stage.processes import running
from config import load
from tests.support.gateway.gateways import migrate
from tests.support.servers.servers import running_postgres, running_valkey, service_directory

TOPIC = "arn:aws:sns:us-east-1:123456789012:postern-feedback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standin:
    """The port of a stand-in for SES, and the directory of its journal and its log."""

    port: int
    directory: Path

    @property
    def journal(self) -> Path:
        """Return the path of its journal, a line per call."""
        return self.directory / "calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The servers of a benchmark."""

    gateway: Gateway
    directory: Path
    environment: dict[str, str]
    standin: Standin

    def calls(self) -> list[Call]:
        """Return the calls that have reached the stand-in, oldest first."""
        return read(self.standin.journal)

    def calls_so_far(self) -> int:
        """Return the approximate number of calls, computed from the size of the journal."""
        with self.standin.journal.open("rb") as journal:
            head = journal.read(4096)
        lines = head.count(b"\n")
        return self.standin.journal.stat().st_size * lines // len(head) if lines else 0


@contextmanager
def stage(
    *, latency_ms: float, rate: float | None = None, postgres_settings: Mapping[str, str] | None = None
) -> Iterator[Stage]:
    """Start the servers and set the environment for the processes of the benchmark; remove everything at the end.

    With a `rate`, in emails per second, the stand-in throttles faster calls.
    """
    with (
        service_directory(durable=True) as directory,
        running_postgres(directory, durable=True, more=postgres_settings) as postgres,
        running_valkey(directory) as redis,
    ):
        database_url = postgres.url(postgres.create_database())
        migrate(database_url)
        standin = Standin(port=free_port(), directory=directory / "ses")
        environment = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis,
            "SECRET_KEYS": token_urlsafe(32),
            "SNS_TOPIC_ARNS": TOPIC,
            "SES_CONFIGURATION_SET": "postern",
            "SES_MAX_SEND_RATE": "100000",
            "FLIGHT_DIR": str(directory / "flight"),
            "AWS_ENDPOINT_URL_SESV2": f"http://127.0.0.1:{standin.port}",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "LOG_LEVEL": "WARNING",
            "MALLOC_ARENA_MAX": "2",  # as in deploy/
            "TUTORIAL_DATABASE_URL": postgres.url(postgres.create_database()),
            "TUTORIAL_BROKER_URL": redis.replace("unix://", "redis+socket://").replace("db=0", "virtual_host=1"),
            "TUTORIAL_REDIS_URL": redis.replace("db=0", "db=1"),
        }
        os.environ.update(environment)
        with standing_in(standin, latency_ms=latency_ms, rate=rate):
            gateway = build(load())
            try:
                yield Stage(gateway=gateway, directory=directory, environment=environment, standin=standin)
            finally:
                gateway.close()


@contextmanager
def standing_in(standin: Standin, *, latency_ms: float, rate: float | None = None) -> Iterator[None]:
    """Run a stand-in for SES for as long as the block lasts."""
    standin.directory.mkdir()
    words = (
        sys.executable,
        "-m",
        "bench.stage.ses_standin",
        "--port",
        str(standin.port),
        "--journal",
        str(standin.journal),
    )
    options = ("--latency-ms", str(latency_ms), *(("--rate", str(rate)) if rate else ()))
    ready = partial(answers, f"http://127.0.0.1:{standin.port}/")
    with running((*words, *options), log=standin.directory / "log", environment={}, ready=ready):
        yield
