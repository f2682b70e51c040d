"""`postern simulator` as a person uses it: alone, beside a gateway whose processes are started one by one."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3.session
import pytest

from tests.support.servers.cli import command, surroundings, until


class Gateway(ThreadingHTTPServer):
    """What the simulator sees of a web process: `/healthz`, and what SNS posts to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.posted: list[dict[str, Any]] = []


class Answers(BaseHTTPRequestHandler):
    """Answers every request with 200."""

    server: Gateway

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Keep the output of the test clean."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def simulated(directory: Path, gateway: str) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """The running command, and the object that it printed."""
    words = command("simulator", "--port", "0", "--gateway", gateway, "--data", "simulated", "--json")
    process = subprocess.Popen(
        words, cwd=directory, env=surroundings(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_it_prints_the_environment_and_subscribes_the_gateway(
    tmp_path: Path, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it prints boto3 reaches it; the gateway is asked to confirm; Ctrl-C ends it with nothing left."""
    with simulated(tmp_path, f"http://127.0.0.1:{gateway.server_port}") as (process, printed):
        environment = printed["environment"]
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        sets = (
            boto3.session.Session(region_name=environment["AWS_REGION"])
            .client("sesv2")
            .list_configuration_sets()["ConfigurationSets"]
        )
        assert environment["SES_CONFIGURATION_SET"] in sets
        assert Path(environment["SNS_PINNED_CERTIFICATE"]).is_file()
        until(lambda: gateway.posted)
        assert gateway.posted[0]["Type"] == "SubscriptionConfirmation"
        assert gateway.posted[0]["TopicArn"] == environment["SNS_TOPIC_ARNS"]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0
        assert said.endswith("Stopped; nothing is left running.\n")
