"""Real workers poll a queue: one at a time, and another one goes on when it is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.cli.shell import operated_gateway
from tests.support.aws import sns_signing
from tests.support.aws.queue_stage import QueueStage, notification, queue_stage
from tests.support.gateway.gateways import SECRET_KEY
from tests.support.gateway.rows import count, rows
from tests.support.servers.cli import surroundings

PATIENCE_S = 60.0
TAKEN_OVER_WITHIN_S = 25.0
"""The lease and a look of a process on standby, 18 s together, and some seconds for a busy machine."""


@pytest.fixture
def stage(
    migrated_postgres_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[QueueStage]:
    with queue_stage(migrated_postgres_url, redis_url, tmp_path / "aws", monkeypatch) as built:
        yield built


def environment(stage: QueueStage, directory: Path) -> dict[str, str]:
    return surroundings(
        **operated_gateway.of_aws(stage.simulator.url, region="us-west-2"),
        DATABASE_URL=stage.database_url,
        REDIS_URL=stage.redis_url,
        SECRET_KEYS=SECRET_KEY,
        SNS_TOPIC_ARNS=sns_signing.TOPIC_ARN,
        SQS_QUEUE_URLS=stage.queue.url,
        SES_MAX_SEND_RATE="10",
        SES_LIST_SYNC="off",
        FLIGHT_DIR=str(directory),
    )


@contextmanager
def a_worker(stage: QueueStage, directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker with two processes, in a process group of its own."""
    words = ("-P", "-m", "celery", "-q", "-A", "worker.celery", "worker", "--concurrency", "2")
    with (directory / "log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, *words], env=environment(stage, directory), stderr=log, stdout=log, start_new_session=True
        )
        try:
            yield running
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def seconds_until(look: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not look():
        assert time.monotonic() - began < PATIENCE_S
        time.sleep(0.1)
    return time.monotonic() - began


def stored(stage: QueueStage, word: str) -> int:
    """How many notifications with this word are stored."""
    return sum(word in row["raw"] for row in rows(stage.gateway, "notifications"))


def test_another_worker_goes_on_when_the_one_that_polls_is_killed(stage: QueueStage, tmp_path: Path) -> None:
    """Kill -9 in the middle of the messages: each is stored once, and the others within seconds."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with a_worker(stage, first) as polling, a_worker(stage, second):
        stage.put(*[notification(f'"{number}"') for number in range(30)])
        seconds_until(lambda: count(stage.gateway, "notifications") == 30)
        stage.put(*[notification(f'"more {number}"') for number in range(30)])
        os.killpg(polling.pid, signal.SIGKILL)
        stage.put(*[notification(f'"last {number}"') for number in range(30)])
        taken_over_s = seconds_until(lambda: stored(stage, "last") == 30)
        seconds_until(lambda: stage.held() == (0, 0))
    assert taken_over_s < TAKEN_OVER_WITHIN_S
    assert [stored(stage, word) for word in ("more", "last")] == [30, 30]
    assert count(stage.gateway, "notifications") == 90


def test_a_worker_without_a_topic_does_not_start(stage: QueueStage, tmp_path: Path) -> None:
    """With queues and no topic each message would be refused as foreign, and deleted: it says so and ends."""
    variables = environment(stage, tmp_path) | {"SNS_TOPIC_ARNS": ""}
    ended = subprocess.run(
        [sys.executable, "-c", "import worker.celery"], env=variables, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "SNS_TOPIC_ARNS: is not set; each message of SQS_QUEUE_URLS would be refused" in ended.stderr
    assert "Traceback" not in ended.stderr
