"""A drill on all pieces at once: PgBouncer, RabbitMQ, and Redis with Sentinels, each killed while email flows.

`python -m tests.infrastructure.combined --seconds 120` runs it and prints its figures. It takes too long for every run
of the tests.
"""

import argparse
import json
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.chaos.stage.site import Reached, Site
from tests.chaos.stage.stage import Stage
from tests.chaos.verdict.oracle import Promise
from tests.infrastructure.drilled import Deeds, drilled, stage_on
from tests.infrastructure.pieces.pgbouncer import Pooler
from tests.infrastructure.pieces.rabbitmq import NAME as RABBITMQ
from tests.infrastructure.pieces.rabbitmq import started_rabbitmq
from tests.infrastructure.pieces.redis import redis_with_sentinels
from tests.support.servers.servers import Postgres, service_directory

_EVERY_S: Final = 4.0
_AWAY_S: Final = 3.0
_SESSIONS: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postern'"
_KILLED: Final = ("pgbouncer", RABBITMQ, "redis-0", "redis-1", "sentinel-0", "web", "worker", "smtp", "beat")


def pieces(site: Site) -> Reached:
    """Redis with Sentinels for positives and the send rate, and RabbitMQ for the bells."""
    redis = redis_with_sentinels(site)
    bells = {"CELERY_BROKER_URL": started_rabbitmq(site)}
    return Reached(direct=redis.direct, gateway=redis.gateway, variables=bells)


def deeds(seconds: float, *, seed: int) -> Deeds:
    """A deed every four seconds: a machine is killed and comes back, or all sessions of PostgreSQL end."""
    chance = random.Random(seed)
    return dict(_deeds(seconds, chance))


def _deeds(seconds: float, chance: random.Random) -> Iterator[tuple[float, Callable[[Stage], None]]]:
    at = _EVERY_S / 2
    while at < seconds:
        name = chance.choice((*_KILLED, "sessions"))
        if name == "sessions":
            yield at, _end_sessions
        else:
            yield at, _kill(name)
            yield at + _AWAY_S, _bring_back(name)
        at += _EVERY_S


def _end_sessions(stage: Stage) -> None:
    Postgres(stage.root / "postgres").execute(_SESSIONS)


def _kill(name: str) -> Callable[[Stage], None]:
    def kill(stage: Stage) -> None:
        stage.machines[name].kill(signal.SIGKILL, hold_down=True)

    return kill


def _bring_back(name: str) -> Callable[[Stage], None]:
    def bring_back(stage: Stage) -> None:
        stage.machines[name].launch()

    return bring_back


def main(words: list[str]) -> int:
    """Run the drill; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, metavar="S", help="how long email flows (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which deeds, and when (%(default)s)")
    given = parser.parse_args(words)
    with service_directory() as services, TemporaryDirectory(dir=services) as directory:
        root = Path(directory)
        root.chmod(0o711)
        planned = deeds(given.seconds, seed=given.seed)
        with stage_on(root, database=Pooler(), redis=pieces, seconds=given.seconds) as stage:
            found = drilled(stage, planned)
    counts = {str(promise): found.result.verdict.count(promise) for promise in Promise}
    figures = {"accepted": found.result.accepted, "deeds": len(planned), **counts}
    pauses = {"no_accept_s": found.not_accepting_s, "no_send_s": found.not_sending_s}
    sys.stdout.write(json.dumps(figures | pauses) + "\n")
    for line in found.broken:
        sys.stderr.write(f"{line}\n")
    return 1 if found.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
