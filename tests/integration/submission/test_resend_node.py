"""The official Resend client for Node, unchanged, against a real server: only its environment points here."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.queue import Lane
from tests.support.browser.node_packages import install
from tests.support.gateway.web import Web, web_on
from tests.support.servers.served import served

CLIENT = Path(__file__).with_name("node_client")

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client as its lock has it, installed."""
    return install(CLIENT, tmp_path_factory.mktemp("node"))


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url) as web:
        yield web


def test_the_client_needs_its_environment_alone(client: Path, web: Web) -> None:
    """It sends, repeats, looks up, schedules, cancels, sends a batch, and shows our sentences when it is refused."""
    token = web.key("node")["Authorization"].removeprefix("Bearer ")
    with served(web) as url:
        environment = {**os.environ, "RESEND_BASE_URL": f"{url}/v1", "RESEND_API_KEY": token}
        words = ["node", str(client / "client.mjs")]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    email_id = answers["sent"]["data"]["id"]
    assert answers["again"]["data"]["id"] == email_id
    found = answers["found"]["data"]
    assert (found["id"], found["to"], found["last_event"]) == (email_id, ["ann@example.com"], "queued")
    assert (found["reply_to"], found["tags"]) == (["help@example.com"], [{"name": "campaign", "value": "spring"}])
    assert answers["canceled"]["error"] is None
    assert len(answers["batch"]["data"]["data"]) == 2
    assert (answers["refused"]["error"]["name"], answers["refused"]["data"]) == ("validation_error", None)
    assert answers["refused"]["error"]["message"].startswith("/to")
    assert "Postern keeps no lists of contacts." in answers["unserved"]["error"]["message"]
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert sorted(one.recipient for one in web.mailer.sent) == ["ann@example.com", "ann@example.com", "bob@example.com"]
    assert b"aGVsbG8" in web.mailer.sent[0].raw
