"""An operator looks after the endpoints of applications, and after what did not arrive."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.cli.main import main
from app.queue import Lane
from app.wiring.gateway import Gateway
from tests.integration.cli.test_operators import point_at
from tests.support.gateway.emails import submit
from tests.support.gateway.gateways import caller
from tests.support.gateway.rows import age, change, rows
from tests.support.webhooks.endpoints import BROKEN, URL, scripted, states


@pytest.fixture(autouse=True)
def here(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the gateway by the environment."""
    point_at(gateway, tmp_path, monkeypatch)


def answer_of(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """The JSON that a command prints."""
    assert main([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(answer, dict)
    return answer


def test_an_endpoint_is_added_listed_and_enabled(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """The secret is printed once, when it is made; a disabled endpoint says why."""
    who = caller(gateway)
    made = answer_of(capsys, "webhook", "create", who.app, URL, "--event", "email.sent")
    assert made["signing_secret"].startswith("whsec_")
    change(gateway, "webhook_endpoints", {"disabled_at": datetime.now(UTC), "disabled_why": "It answered 410."})
    assert main(["webhook"]) == 0
    printed = capsys.readouterr().out
    assert "410" in printed
    assert "whsec_" not in printed
    assert answer_of(capsys, "webhook", "enable", made["id"])["status"] == "enabled"
    assert rows(gateway, "webhook_endpoints")[0]["disabled_at"] is None


def test_what_did_not_arrive_is_listed_and_replayed(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """One delivery by its id, or all of a period."""
    who = caller(gateway)
    made = answer_of(capsys, "webhook", "create", who.app, URL, "--event", "email.sent")
    scripted(gateway, lambda _: BROKEN)
    submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    gateway.webhooks.deliver.drain()
    change(gateway, "webhook_deliveries", {"state": "failed", "ended_at": datetime.now(UTC)})
    [failed] = answer_of(capsys, "webhook", "deliveries", made["id"], "--state", "failed")["deliveries"]

    scripted(gateway)
    age(gateway, "webhook_endpoints", "due_at", timedelta(seconds=1))
    replay = ("webhook", "replay", made["id"])
    assert answer_of(capsys, *replay, "--delivery", failed["id"])["deliveries"] == 1
    gateway.webhooks.deliver.drain()
    assert states(gateway, who, UUID(made["id"])) == ["delivered"]
    assert answer_of(capsys, *replay, "--since", "2020-01-01", "--until", "2099-01-01")["deliveries"] == 1
    assert main([*replay, "--since", "2020-01-01"]) == 2


def test_an_unknown_application_or_event_is_refused(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what is wrong."""
    assert main(["webhook", "create", "nobody", URL, "--event", "email.sent"]) == 1
    assert "no application of this name" in capsys.readouterr().err
    assert main(["webhook", "create", caller(gateway).app, URL, "--event", "email.lost"]) == 1
    assert "There is no such event" in capsys.readouterr().err
