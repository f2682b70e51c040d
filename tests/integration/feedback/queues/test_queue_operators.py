"""What an operator sees of queues: figures, the check of `/readyz`, refused messages, and the command of a redrive."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.cli.main import DONE, FAILED, main
from app.domain.apps.callers import Scope
from app.services.operating.sweeps import Sweep
from app.store.feedback import refused_messages
from app.store.tables.core import cursors
from app.web.application import create_app
from config import SettingsError
from tests.support.aws import sns_signing
from tests.support.aws.notifications import bounced
from tests.support.aws.queue_stage import QueueStage, notification, queue_stage
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import SECRET_KEY, issue, settings_for
from tests.support.gateway.rows import age, count, rows

NEWS = json.dumps(bounced("kim@example.net", message="m1"))
Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def stage(migrated_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QueueStage]:
    with queue_stage(migrated_url, redis_url, tmp_path / "aws", monkeypatch) as built:
        yield built


@pytest.fixture
def run(stage: QueueStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line on the gateway of the stage; return its exit code and its JSON."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE_URL": stage.database_url,
        "REDIS_URL": stage.redis_url,
        "SECRET_KEYS": SECRET_KEY,
        "SNS_TOPIC_ARNS": sns_signing.TOPIC_ARN,
        "AWS_REGION": "us-west-2",
    }.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, Any]:
        code = main([*words, "--json"])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def metrics(stage: QueueStage) -> dict[str, float]:
    """The figures of queues, as Prometheus reads them."""
    token = issue(stage.gateway, app="prometheus", scopes=frozenset({Scope.METRICS_READ})).token
    client = create_app(gateway=stage.gateway).test_client()
    text = client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).text
    assert "123456789012" not in text
    lines = [line for line in text.splitlines() if line.startswith("postern_sqs")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def queues_of_readyz(stage: QueueStage) -> Any:
    return next(check for check in stage.gateway.health.ready() if check.name == "queues")


def test_the_figures_say_what_was_done_and_how_late(stage: QueueStage) -> None:
    """By the name and the region of the queue; no AWS account is in them."""
    stage.put(notification(NEWS), "no JSON")
    stage.turns()
    told = metrics(stage)
    of = 'queue="intake",region="us-west-2"'
    done = {name: told.get(f'postern_sqs_messages_total{{done="{name}",{of}}}') for name in ("stored", "refused")}
    assert done == {"stored": 1.0, "refused": 1.0}
    assert 0 <= told[f"postern_sqs_oldest_seconds{{{of}}}"] < 30
    assert told[f"postern_sqs_last_poll_timestamp_seconds{{{of}}}"] > 1_700_000_000
    stage.turns()
    told = metrics(stage)
    assert told[f'postern_sqs_messages_total{{done="deleted",{of}}}'] == 2
    assert told[f"postern_sqs_oldest_seconds{{{of}}}"] == 0


def test_readyz_says_when_no_worker_polls(stage: QueueStage) -> None:
    """It is not required: email goes out, and the notifications wait in their queue."""
    check = queues_of_readyz(stage)
    assert (check.ok, check.required, "intake (never)" in check.detail) == (False, False, True)
    stage.turns()
    assert queues_of_readyz(stage).ok
    with stage.gateway.database.transaction() as connection:
        position = rows(stage.gateway, "cursors")[0]
        state = position["state"] | {"polled_at": "2026-01-02T03:04:05+00:00"}
        connection.execute(update(cursors).where(cursors.c.name == position["name"]).values(state=state))
    assert "intake (2026-01-02 03:04:05 UTC)" in queues_of_readyz(stage).detail
    without = stage.build(sqs_queue_urls="")
    assert "queues" not in {check.name for check in without.health.ready()}


def test_refused_messages_are_listed_and_shown_without_addresses(stage: QueueStage, run: Run) -> None:
    """An option shows the address as well."""
    stage.put(NEWS)
    stage.turns()
    code, told = run("feedback", "refused")
    [listed] = told["refused"]
    assert (code, listed["queue"], listed["reason"], listed["length"]) == (DONE, "intake", "raw_delivery", len(NEWS))
    _, shown = run("feedback", "refused", listed["id"])
    assert "kim@example.net" not in shown["message"]["raw"]
    _, shown = run("feedback", "refused", listed["id"], "--raw")
    assert shown["message"]["raw"] == NEWS
    code, told = run("feedback", "refused", "01900000-0000-7000-8000-000000000000")
    assert code == FAILED


def test_refused_messages_are_few_and_end(stage: QueueStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger who writes to the queue cannot fill the database; what is old is erased with the notifications."""
    monkeypatch.setattr(refused_messages, "MOST", 5)
    for numbers in (range(3), range(3, 8)):
        stage.put(*[f"no JSON {number}" for number in numbers])
        stage.turns()
    assert sorted(row["raw"][-1] for row in rows(stage.gateway, "refused_messages")) == ["3", "4", "5", "6", "7"]
    age(stage.gateway, "refused_messages", "refused_at", timedelta(days=91))
    stage.gateway.upkeep.run(Sweep.RETENTION)
    assert count(stage.gateway, "refused_messages") == 0


def test_refused_messages_are_judged_again_when_asked(stage: QueueStage, run: Run) -> None:
    """After a setting was mended: what is authentic now is stored and settled, the rest stays as it is."""
    elsewhere = sns_signing.OTHER_ACCOUNTS_TOPIC_ARN
    stage.put(notification(NEWS, topic_arn=elsewhere, at=datetime.now(UTC) - timedelta(days=20)), NEWS)
    stage.turns()
    assert run("feedback", "refused", "--retry") == (FAILED, {"stored": 0, "duplicate": 0, "refused": 2})
    mended = stage.build(sns_topic_arns=f"{sns_signing.TOPIC_ARN},{elsewhere}")
    assert +mended.retry_refused(ROOT, reason="The topic is ours.") == {"stored": 1, "refused": 1}
    [row] = rows(stage.gateway, "notifications")
    assert (row["raw"], row["topic_arn"]) == (NEWS, elsewhere)
    assert [row["reason"] for row in rows(stage.gateway, "refused_messages")] == ["raw_delivery"]
    [entry] = rows(stage.gateway, "audit", action="refused_retry")
    assert entry["reason"] == "The topic is ours."
    left = str(rows(stage.gateway, "refused_messages")[0]["id"])
    assert run("feedback", "refused", left, "--retry") == (FAILED, {"stored": 0, "duplicate": 0, "refused": 1})


def test_a_forgotten_person_is_taken_out_of_refused_messages(stage: QueueStage) -> None:
    """They are texts of strangers, and may name anybody."""
    stage.put(NEWS)
    stage.turns()
    stage.gateway.forget(ROOT, "kim@example.net", reason="Request 4711.", ask_ses=False)
    [row] = rows(stage.gateway, "refused_messages")
    assert "kim@example.net" not in row["raw"]


def test_a_redrive_prints_what_it_did(stage: QueueStage, run: Run) -> None:
    """First as a dry run, then for real; the exit code says whether something is left for a person."""
    stage.put(notification(NEWS), notification("{}"))
    command = ("feedback", "redrive", stage.queue.url)
    code, told = run(*command, "--dry-run")
    assert (code, told["stored"], told["deleted"], told["dry_run"]) == (DONE, 2, 0, True)
    code, told = run(*command, "--since", "2001-01-01", "--until", "2001-12-31")
    assert (code, told["skipped"], told["stored"]) == (DONE, 2, 0)
    code, told = run(*command)
    assert (code, told["stored"], told["deleted"], told["messages"]) == (DONE, 2, 2, 2)
    stage.put("no JSON")
    code, told = run(*command)
    assert (code, told["refused"], next(iter(told["reasons"])).startswith("not_json")) == (FAILED, 1, True)


@pytest.mark.parametrize("words", [("--since", "soon"), ("--since", "2026-02-01", "--until", "2026-01-01")])
def test_a_redrive_needs_dates_that_make_sense(stage: QueueStage, run: Run, words: tuple[str, ...]) -> None:
    """Otherwise it is not begun."""
    stage.put(notification(NEWS))
    try:
        code = main(["feedback", "redrive", stage.queue.url, *words])
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 2
    assert stage.held() == (1, 0)


def test_the_web_starts_with_a_queue_and_without_a_topic(migrated_sqlite_url: str, redis_url: str) -> None:
    """Its workers take notifications in; the webhook says what it lacks, and SNS would try again."""
    url = "https://sqs.us-east-1.amazonaws.com/123456789012/intake"
    settings = settings_for(migrated_sqlite_url, redis_url, sns_topic_arns="", sqs_queue_urls=url)
    app = create_app(settings)
    answer = app.test_client().post("/feedback/sns", data="{}")
    assert (answer.status_code, "SNS_TOPIC_ARNS" in answer.text) == (503, True)
    with pytest.raises(SettingsError, match="SNS_TOPIC_ARNS"):
        create_app(settings_for(migrated_sqlite_url, redis_url, sns_topic_arns=""))
