"""Faults on the wire: boto3's error for each, and whether the ledger has the email all the same."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from simulator import Options, Simulator
from tests.support.aws.simulator import client, control, ledger, send, until


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A simulator with a fixed random seed."""
    with Simulator(Options(data=tmp_path, seed=7, max_send_rate=10_000)) as running:
        yield running


@pytest.fixture
def ses(simulator: Simulator) -> Any:
    """A boto3 client that gives up after a moment."""
    return client("sesv2", simulator, read_timeout=0.3)


@pytest.mark.parametrize(
    "fault, status, code",
    [
        ("429", 429, "TooManyRequestsException"),
        ("400:MessageRejected", 400, "MessageRejected"),
        ("400:SendingPausedException:Paused for a test", 400, "SendingPausedException"),
        ("503:ServiceUnavailable", 503, "ServiceUnavailable"),
        ("500_before", 500, "InternalServiceErrorException"),
    ],
)
def test_an_error_before_acceptance_leaves_no_trace(
    simulator: Simulator, ses: Any, fault: str, status: int, code: str
) -> None:
    """boto3 sees status and code; the ledger stays empty."""
    control(simulator, "POST", "faults", [{"fault": fault}])
    with pytest.raises(ClientError) as caught:
        send(ses, "ann@example.com")
    response = caught.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (status, code)
    assert ledger(simulator) == []


def test_an_error_after_acceptance_hides_an_email_that_is_sent(simulator: Simulator, ses: Any) -> None:
    """500 after acceptance: boto3 sees a failure, the ledger has the email and names the fault that hid it."""
    control(simulator, "POST", "faults", [{"fault": "500_after"}])
    with pytest.raises(ClientError) as caught:
        send(ses, "ann@example.com")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert [(entry["recipient"], entry["mode"]) for entry in ledger(simulator)] == [("ann@example.com", "500_after")]


@pytest.mark.parametrize("fault, accepted", [("hang_before", 0), ("hang_after", 1)])
def test_a_hang_is_a_read_timeout(simulator: Simulator, ses: Any, fault: str, accepted: int) -> None:
    """The caller gives up; only a hang after acceptance is on the ledger."""
    control(simulator, "POST", "faults", [{"fault": fault}])
    with pytest.raises(ReadTimeoutError):
        send(ses, "ann@example.com")
    assert [entry["mode"] for entry in ledger(simulator)] == [fault] * accepted


@pytest.mark.parametrize("fault, accepted", [("close_before", 0), ("close_after", 1)])
def test_a_close_is_a_lost_connection(simulator: Simulator, ses: Any, fault: str, accepted: int) -> None:
    """The connection ends without an answer; only a close after acceptance is on the ledger."""
    control(simulator, "POST", "faults", [{"fault": fault}])
    with pytest.raises(ConnectionClosedError):
        send(ses, "ann@example.com")
    assert [entry["mode"] for entry in ledger(simulator)] == [fault] * accepted


def test_an_answer_may_lack_the_message_id(simulator: Simulator, ses: Any) -> None:
    """200 without MessageId: the caller cannot know that it was sent, the ledger does."""
    control(simulator, "POST", "faults", [{"fault": "no_message_id"}])
    with pytest.raises(KeyError):
        send(ses, "ann@example.com")
    assert [entry["mode"] for entry in ledger(simulator)] == ["no_message_id"]


def test_latency_delays_and_does_no_harm(simulator: Simulator, ses: Any) -> None:
    """A latency rule of 100 ms makes the call that much longer and nothing else."""
    control(simulator, "POST", "faults", [{"fault": "latency", "ms": 100}])
    started = time.monotonic()
    assert send(ses, "ann@example.com")
    assert time.monotonic() - started >= 0.1
    assert [entry["mode"] for entry in ledger(simulator)] == ["answered"]


def test_a_rule_strikes_only_its_recipient_and_only_so_often(simulator: Simulator, ses: Any) -> None:
    """match.recipient ignores case, match.count counts down, and a rule shows how often it was applied."""
    control(simulator, "POST", "faults", [{"fault": "429", "match": {"recipient": "Ann@Example.com", "count": 1}}])
    assert send(ses, "ben@example.com")
    with pytest.raises(ClientError):
        send(ses, "ann@example.com")
    assert send(ses, "ann@example.com")
    (rule,) = control(simulator, "GET", "faults")
    assert (rule["struck"], rule["remaining"]) == (1, 0)


def test_a_rate_strikes_about_that_share(simulator: Simulator, ses: Any) -> None:
    """match.rate 0.5 over 60 calls fails some and spares some; every spared one is on the ledger."""
    control(simulator, "POST", "faults", [{"fault": "429", "match": {"rate": 0.5}}])
    refused = 0
    for number in range(60):
        try:
            send(ses, f"a{number}@example.com")
        except ClientError:
            refused += 1
    assert 10 < refused < 50
    assert len(ledger(simulator)) == 60 - refused


def test_a_rule_may_strike_another_operation(simulator: Simulator, ses: Any) -> None:
    """match.operation names what fails; sends go on."""
    rule = {"fault": "500_after", "match": {"operation": "DeleteSuppressedDestination", "recipient": "k@example.com"}}
    ses.put_suppressed_destination(EmailAddress="k@example.com", Reason="BOUNCE")
    control(simulator, "POST", "faults", [rule])
    with pytest.raises(ClientError) as caught:
        ses.delete_suppressed_destination(EmailAddress="k@example.com")
    assert caught.value.response["Error"]["Code"] == "InternalServiceErrorException"
    assert ses.list_suppressed_destinations()["SuppressedDestinationSummaries"] == []
    assert send(ses, "k@example.com")


def test_clearing_the_faults_heals(simulator: Simulator, ses: Any) -> None:
    """After DELETE nothing fails any more."""
    control(simulator, "POST", "faults", [{"fault": "429"}])
    control(simulator, "DELETE", "faults")
    assert send(ses, "ann@example.com")


def test_the_process_says_when_it_is_ready_and_keeps_its_ledger_through_a_kill(tmp_path: Path) -> None:
    """`python -m simulator` writes its ready file; accepted emails survive kill -9; SIGTERM ends it with 0."""
    ready_file = tmp_path / "ready.json"
    command = [
        sys.executable, "-m", "simulator", "--port", "0", "--data", str(tmp_path / "data"),
        "--latency-ms", "1", "--ready-file", str(ready_file),
    ]  # fmt: skip
    for end, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
        ready_file.unlink(missing_ok=True)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            until(ready_file.exists)
            ready = json.loads(ready_file.read_text(encoding="utf-8"))
            running = Simulator(Options(data=tmp_path / "data"))
            running.port = int(ready["url"].rpartition(":")[2])
            send(client("sesv2", running), "ann@example.com")
        finally:
            os.kill(process.pid, end)
            assert process.wait(timeout=10) == code
    assert [entry["recipient"] for entry in ledger(running)] == ["ann@example.com", "ann@example.com"]
    assert Path(ready["certificate"]).read_text(encoding="ascii").startswith("-----BEGIN CERTIFICATE-----")


def test_a_port_in_use_is_reported_in_one_line(simulator: Simulator, tmp_path: Path) -> None:
    """The command ends with 1 and names the address."""
    command = [sys.executable, "-m", "simulator", "--port", str(simulator.port), "--data", str(tmp_path / "second")]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert outcome.returncode == 1
    assert outcome.stderr.strip().splitlines()[0].startswith(f"simulator: cannot listen on 127.0.0.1:{simulator.port}:")
