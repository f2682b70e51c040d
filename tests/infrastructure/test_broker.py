"""RabbitMQ as the broker, and Redis with TLS, a user of its own, or Sentinels: nothing is lost, nothing comes twice."""

import signal
import time
from contextlib import closing
from itertools import count
from pathlib import Path

from app.queue import SETTLE, WEBHOOKS, Bells, make_celery
from app.store.engine.redis import RedisBreaker, connect
from tests.chaos.stage.machines import Machine
from tests.chaos.stage.site import Reached, Site
from tests.chaos.stage.stage import Stage
from tests.infrastructure.conftest import Report
from tests.infrastructure.drilled import drilled, stage_on
from tests.infrastructure.pieces.programs import program, version_of
from tests.infrastructure.pieces.rabbitmq import NAME, started_rabbitmq, version_of_rabbitmq
from tests.infrastructure.pieces.redis import guarded_redis, redis_with_sentinels
from tests.support.servers.cli import until

_RABBITMQ_AWAY_S, _FROZEN_COSTS_S, _SENDS_AGAIN_WITHIN_S = 4.0, 4.0, 20.0


def test_rabbitmq_and_a_redis_of_its_own_may_each_be_away(root: Path, report: Report) -> None:
    """Both by TLS with an authority of ours; the user of Redis may do what the docs allow, and needs no more."""

    def stop_rabbitmq(stage: Stage) -> None:
        stage.machines[NAME].kill(signal.SIGKILL, hold_down=True)

    def start_rabbitmq(stage: Stage) -> None:
        stage.machines[NAME].launch()

    def restart_redis(stage: Stage) -> None:
        with stage.redis() as client:
            refused.extend(client.acl_log())
        stage.machines["redis"].kill()

    def pieces(site: Site) -> Reached:
        redis = guarded_redis(site)
        urls.append(started_rabbitmq(site))
        return Reached(direct=redis.direct, gateway=redis.gateway, variables={"CELERY_BROKER_URL": urls[0]})

    urls: list[str] = []
    refused: list[object] = []
    with stage_on(root, redis=pieces) as stage:
        found = drilled(stage, {1.0: stop_rabbitmq, 1.0 + _RABBITMQ_AWAY_S: start_rabbitmq, 6.0: restart_redis})
        with stage.redis() as client:
            refused += client.acl_log()
        _no_caller_waits_for(stage.machines[NAME], urls[0])
    versions = f"RabbitMQ {version_of_rabbitmq()}, Redis {_version_of_redis()}, TLS and ACL"
    report(versions, f"RabbitMQ killed for {_RABBITMQ_AWAY_S:.0f} s, then Redis restarted", found)
    assert found.broken == []
    assert refused == []


def test_a_fail_over_by_sentinel_is_followed(root: Path, report: Report) -> None:
    """It carries positives, send rate and bells. The old primary comes back as a replica."""

    def kill_the_primary(stage: Stage) -> None:
        stage.machines["redis-0"].kill(hold_down=True)

    def bring_it_back(stage: Stage) -> None:
        stage.machines["redis-0"].launch()

    with stage_on(root, redis=redis_with_sentinels) as stage:
        found = drilled(stage, {2.0: kill_the_primary, 7.0: bring_it_back})
    report(f"Redis {_version_of_redis()} with three Sentinels", "its primary killed", found)
    assert found.broken == []
    assert found.not_sending_s < _SENDS_AGAIN_WITHIN_S


def _no_caller_waits_for(rabbitmq: Machine, url: str) -> None:
    """Its certificate has to be that of our authority; frozen under an open connection, it costs 2 s of one caller."""
    with connect("unix:///nowhere/redis.sock") as forgetful:
        # By another name, since Celery shares the connections of one process by their address.
        with closing(make_celery(url.partition("?")[0].replace("127.0.0.1", "localhost"))) as celery:
            assert not Bells(celery, forgetful, breaker=RedisBreaker()).ring(SETTLE)
        with closing(make_celery(url)) as celery:
            bells = Bells(celery, forgetful, breaker=RedisBreaker(), monotonic=count(step=10).__next__)
            until(lambda: bells.ring(SETTLE))
            rabbitmq.signal(signal.SIGSTOP, rabbitmq.main)
            began = time.monotonic()
            assert not bells.ring(WEBHOOKS)
            assert time.monotonic() - began < _FROZEN_COSTS_S


def _version_of_redis() -> str:
    return version_of(program("redis-server", package="redis-server"))
