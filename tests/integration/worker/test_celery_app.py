"""The worker as Celery sees it: every task is registered, every queue consumed, every sweep on the beat table."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.queue import DELIVER, SETTLE, Queue, Task
from app.services.operating.sweeps import Sweep
from tests.support.gateway.gateways import SECRET_KEY

CHECKOUT = Path(__file__).parents[3]
# Importing the worker reads the environment, so it happens in a separate process.
PRINT_WORKER = """
import json
from worker import beat, celery
print(json.dumps({
    "tasks": [name for name in celery.app.tasks if not name.startswith("celery.")],
    "queues": [queue.name for queue in celery.app.conf.task_queues],
    "beat": [
        [
            [entry["task"], entry["options"]["queue"], list(entry["args"]), entry["schedule"]]
            for entry in app.conf.beat_schedule.values()
        ]
        for app in (beat.app, celery.app)
    ],
}))
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env=bare | {"PYTHONPATH": str(CHECKOUT)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def worker() -> dict[str, Any]:
    ended = run(PRINT_WORKER, SECRET_KEYS=SECRET_KEY)
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def test_every_task_is_registered(worker: dict[str, Any]) -> None:
    """Otherwise a bell would ring for a task that no worker has."""
    assert sorted(worker["tasks"]) == sorted(task.value for task in Task)


def test_every_queue_is_consumed(worker: dict[str, Any]) -> None:
    """A worker without options consumes all queues, so that no bell waits forever."""
    assert sorted(worker["queues"]) == sorted(queue.value for queue in Queue)
    assert {bell.queue for bell in (*DELIVER.values(), SETTLE)} <= set(worker["queues"])


def test_every_sweep_is_on_the_beat_table(worker: dict[str, Any]) -> None:
    """Each runs by itself, in a queue that is consumed, under a task that exists.

    So it is where beat is started as in the release before, from the app of the workers.
    """
    table, as_before = worker["beat"]
    assert {entry[0] for entry in table} <= set(worker["tasks"])
    assert {entry[1] for entry in table} <= set(worker["queues"])
    assert sorted(entry[2][0] for entry in table) == sorted(sweep.value for sweep in Sweep)
    assert all(entry[3] > 0 for entry in table)
    assert as_before == table


@pytest.mark.parametrize("process", ["celery", "beat"])
def test_a_process_without_its_settings_reports_it_in_one_line(process: str) -> None:
    """There is no traceback: the line names the variable and the remedy."""
    ended = run(f"import worker.{process}", SECRET_KEYS="")
    assert ended.returncode == 1
    assert "SECRET_KEYS: is not set" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("process", ["celery", "beat"])
def test_celery_logs_as_postern_does(process: str) -> None:
    """One JSON object a line, also of Celery's own; and a name that is no setting is warned of."""
    code = f"""
import logging
import worker.{process}
from celery.signals import setup_logging
setup_logging.send(None)
logging.getLogger("celery").warning("By Celery.")
"""
    ended = run(code, SECRET_KEYS=SECRET_KEY, SNS_TOPIC_ARN="x")
    assert ended.returncode == 0, ended.stderr
    lines = [json.loads(line) for line in (ended.stdout + ended.stderr).splitlines()]
    assert [line["event"] for line in lines] == ["setting_not_known", "By Celery."]
    assert lines[0]["name"] == "SNS_TOPIC_ARN"
