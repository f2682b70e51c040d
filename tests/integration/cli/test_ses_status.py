"""`postern ses status` says what does not arrive here, beside what is wrong at AWS."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from app.domain.feedback.rejections import Reason, rejected
from app.wiring.gateway import Gateway
from simulator import Options, Simulator
from tests.integration.cli.test_operators import point_at
from tests.support.gateway.gateways import TOPIC


@pytest.fixture(autouse=True)
def here(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command finds the gateway by the environment, and a simulator as AWS."""
    point_at(gateway, tmp_path, monkeypatch)
    with Simulator(Options(data=tmp_path / "ses")) as simulator:
        for service in ("SESV2", "SNS"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", simulator.url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "simulator")
        yield


def notifications(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What the command says about the notifications that arrive here."""
    capsys.readouterr()
    assert main(["ses", "status", "--json"]) == 1
    findings = json.loads(capsys.readouterr().out.splitlines()[-1])["findings"]
    return [one for one in findings if one["name"] == "notifications"]


def test_what_was_refused_is_shown_until_its_incident_is_closed(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the topic, what was expected and found, and how to close it."""
    assert [one["ok"] for one in notifications(capsys)] == [True]
    error = rejected(Reason.NOT_CONFIRMED, expected="an ARN of a subscription", found="AuthorizationError: no")
    assert gateway.receive is not None
    gateway.receive._rejections.report(error, topic_arn=TOPIC)
    [told] = notifications(capsys)
    assert not told["ok"]
    assert TOPIC in told["found"]
    assert "AuthorizationError: no" in told["found"]
    close = told["advice"].partition("`./postern ")[2].rstrip("`").split()
    assert main([*close, "--reason", "Mended."]) == 0
    assert [one["ok"] for one in notifications(capsys)] == [True]
