"""From an empty account to a bounce that comes back, and to an empty account again: by the commands alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import Options, Simulator
from tests.support.aws.simulator import control
from tests.support.servers.cli import last_object, postern, up


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator with an empty account, which the commands take for AWS."""
    with Simulator(Options(data=tmp_path / "simulator")) as running:
        yield running


@pytest.fixture
def aws(simulator: Simulator) -> dict[str, str]:
    """The environment of a person with an AWS account."""
    endpoints = {f"AWS_ENDPOINT_URL_{service}": simulator.url for service in ("SESV2", "SNS", "SQS", "STS")}
    return endpoints | {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        # The simulator signs with a certificate of its own.
        "SNS_PINNED_CERTIFICATE": str(simulator.certificate_path),
    }


def test_a_laptop_runs_the_loop_through_a_queue(tmp_path: Path, simulator: Simulator, aws: dict[str, str]) -> None:
    """Two commands set the account up; `up --aws` sends through it, the doctor sees each event, and destroy ends it."""
    before = control(simulator, "GET", "resources")
    early = postern("up", "--aws", "--port", "0", cwd=tmp_path, **aws)
    assert early.returncode == 1
    assert "ses apply --sqs --domain YOUR.DOMAIN" in early.stderr
    assert control(simulator, "GET", "resources") == before

    words = ("ses", "apply", "--domain", "example.com", "--sqs", "--yes", "--write-env", ".env", "--json")
    applied = postern(*words, cwd=tmp_path, **aws)
    assert applied.returncode == 0, applied.stderr
    assert last_object(applied.stdout)["to_do"] == 0
    written = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert set(written) == {"AWS_REGION", "SES_CONFIGURATION_SET", "SNS_TOPIC_ARNS", "SQS_QUEUE_URLS", "SECRET_KEYS"}
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0

    with up(tmp_path, "--aws", data="data/aws", **aws) as running:
        data = str(tmp_path / "data" / "aws")
        doctor = postern("doctor", "--live", "--json", "--data", data, cwd=tmp_path, **aws)
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr
        assert last_object(doctor.stdout)["ok"]
        running.arrives(running.submit("ann@example.net"))
        refused = postern("ses", "destroy", "--yes", "--data", data, cwd=tmp_path, **aws)
        assert refused.returncode == 1
        assert "sent email within the last day" in refused.stderr
        running.stop()
    assert "AKIAEXAMPLE" not in (tmp_path / "data" / "aws" / "environment.json").read_text()

    gone = postern("ses", "destroy", "--yes-really", "--json", cwd=tmp_path, **aws)
    assert gone.returncode == 0, gone.stderr
    assert control(simulator, "GET", "resources") == before


def test_the_commands_work_on_the_simulator_of_a_running_up(tmp_path: Path) -> None:
    """Its account is whole; somebody's change is found and set right; another deployment comes and goes."""
    with up(tmp_path) as running:
        data = str(tmp_path / "data")

        def ses(*words: str) -> tuple[int, dict[str, object]]:
            ended = postern("ses", *words, "--json", "--data", data, cwd=tmp_path)
            return ended.returncode, last_object(ended.stdout)

        assert ses("plan")[0] == 0
        again, answer = ses("plan", "--archive")
        assert (again, answer["to_do"]) == (2, 2)
        assert ses("apply", "--archive", "--yes")[0] == 0
        assert ses("plan")[0] == 0
        assert ses("apply", "--deployment", "trial", "--domain", "trial.example", "--sqs", "--yes")[0] == 0
        assert ses("destroy", "--deployment", "trial", "--yes")[0] == 0
        code, answer = ses("plan", "--deployment", "trial", "--sqs")
        assert (code, answer["to_do"]) == (2, 6)
        status = json.loads((tmp_path / "data" / "environment.json").read_text())
        assert status["AWS_ENDPOINT_URL_SESV2"] == running.ready["simulator_url"]


def test_what_is_not_meant_changes_nothing(tmp_path: Path, simulator: Simulator, aws: dict[str, str]) -> None:
    """Without `--yes` and without a terminal, without a way back, with a domain that is none: each says what to do."""
    before = control(simulator, "GET", "resources")
    nothing_known = {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for words, code, sentence in (
        (("apply", "--domain", "example.com", "--sqs"), 2, "pass --yes"),
        (("apply", "--domain", "ann@example.com", "--sqs", "--yes"), 2, "a domain looks like example.com"),
        (("plan", "--no-url"), 1, "no way back"),
        (("template", "--format", "terraform"), 2, "say how events come back"),
        (("apply", "--sqs", "--yes"), 1, "No AWS credentials were found: set AWS_PROFILE"),
    ):
        known = {} if sentence.startswith("No AWS") else aws
        ended = postern("ses", *words, cwd=tmp_path, **nothing_known, **known)
        assert (ended.returncode, sentence in ended.stderr) == (code, True), ended.stderr
    assert control(simulator, "GET", "resources") == before
