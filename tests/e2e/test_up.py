"""`postern up` as a person uses it: real gunicorn, real Celery, real Valkey, in one terminal; commands in another."""

import json
import os
import signal
import smtplib
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.support.servers.cli import Up, family, last_object, lives, member, postern, until, up


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The current directory of the person, without a .env of Postern."""
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A gateway that several tests use, each in its own way; none of them ends it."""
    with up(tmp_path_factory.mktemp("home")) as gateway:
        yield gateway


def test_an_email_submitted_by_http_is_delivered(database_url: str, redis_url: str, home: Path) -> None:
    """On the chosen database and Valkey, a submission is delivered and its outcome comes back."""
    with up(home, "--use-environment", DATABASE_URL=database_url, REDIS_URL=redis_url) as gateway:
        assert gateway.ready["database_url"] == database_url
        assert gateway.ready["redis_url"] == redis_url
        email_id = gateway.submit("ann@example.net")
        gateway.arrives(email_id)
        types = [event["type"] for event in gateway.call("GET", f"/v1/emails/{email_id}/events")["data"]]
        assert types[0] == "accepted"
        assert {"attempt", "send", "delivery"} <= set(types)
        below = family(gateway.process.pid)
        gateway.stop(signal.SIGTERM)
        assert gateway.process.returncode == 0
        assert not any(map(lives, below))


def test_the_other_commands_find_the_running_gateway(running: Up) -> None:
    """In another terminal, in the same directory, without settings: keys, suppressions, an email, a query to SES."""
    home = running.directory
    keys = last_object(postern("key", "list", "--json", cwd=home).stdout)["keys"]
    assert {key["app"] for key in keys} == {"demo", "operators"}
    suppressed = postern("suppress", "kim@example.net", "--reason", "By phone.", cwd=home)
    assert suppressed.returncode == 0, suppressed.stderr
    words = ("send", "--from", running.ready["from"], "--subject", "You are invited", "--follow", "--json")
    refused = postern(*words, "--to", "kim@example.net", cwd=home, stdin="Do come.")
    assert refused.returncode == 1
    assert [one["state"] for one in last_object(refused.stdout)["recipients"]] == ["suppressed"]
    sent = postern(*words, "--to", "ann@example.net", cwd=home, stdin="Do come.")
    assert sent.returncode == 0, sent.stderr
    assert last_object(sent.stdout)["recipients"][0]["state"] == "delivered"
    seen = postern("doctor", "--live", "--json", cwd=home)
    assert seen.returncode == 0, seen.stdout
    assert {check["status"] for check in last_object(seen.stdout)["checks"]} <= {"well", "skipped"}
    assert running.process.poll() is None


def test_an_address_bounces_as_in_the_demo(running: Up) -> None:
    """A developer sees at once what a bounce does, and `ready.json` names each page."""
    email_id = running.submit("kim.gone@example.com")
    until(lambda: running.state(email_id) == "bounced")
    for name in ("inbox_url", "docs_url", "openapi_url", "readyz_url"):
        assert running.pool.request("GET", running.ready[name]).status == 200, name
    data = running.directory / "data"
    why = postern("suppressions", "explain", "kim.gone@example.com", "--data", str(data), cwd=running.directory.parent)
    assert f"./postern unsuppress kim.gone@example.com --reason '...' --data {data}" in why.stdout.replace("\n", " ")


def test_an_email_submitted_by_smtp_is_delivered(running: Up) -> None:
    """`ready.json` has what a client needs, and the door is among the checks."""
    access = running.ready["smtp"]
    message = f"From: {running.ready['from']}\r\nTo: ann@example.net\r\nSubject: You are invited\r\n\r\nDo come.\r\n"
    with smtplib.SMTP(access["host"], access["port"], timeout=30) as client:
        client.login(access["username"], access["password"])
        client.mail(running.ready["from"])
        client.rcpt("ann@example.net")
        code, text = client.data(message)
    assert code == 250
    running.arrives(text.decode().split()[4])
    ready = running.pool.request("GET", running.ready["readyz_url"]).json()
    assert {"name": "smtp", "ok": True} in [{"name": one["name"], "ok": one["ok"]} for one in ready["checks"]]


def test_nothing_survives_a_kill_and_the_next_start_goes_on(home: Path) -> None:
    """After kill -9 no process is left; the next start has the same key and the same emails, and it sends."""
    with up(home) as gateway:
        first = gateway.ready
        kept = gateway.submit("ann@example.net")
        below = family(gateway.process.pid)
        assert len(below) >= 5
        gateway.stop(signal.SIGKILL)
        until(lambda: not any(map(lives, below)))
    (home / "data" / "ready.json").unlink()
    with up(home) as gateway:
        assert gateway.ready["api_key"] == first["api_key"]
        assert gateway.ready["admin_key"] == first["admin_key"]
        assert gateway.ready["console_url"].startswith(f"{gateway.ready['url']}/console/sign-in/link/")
        assert gateway.ready["console_url"] != first["console_url"]
        assert gateway.call("GET", f"/v1/emails/{kept}")["subject"] == "You are invited"
        gateway.arrives(gateway.submit("ben@example.net"))


def test_an_aws_sdk_sends_with_what_ready_json_says(running: Up) -> None:
    """An application that calls SES needs the endpoint and the key, and its email arrives in the inbox."""
    ses = running.ready["ses"]
    client = boto3.client(
        "sesv2",
        endpoint_url=ses["endpoint_url"],
        region_name=ses["region"],
        aws_access_key_id=ses["access_key_id"],
        aws_secret_access_key=ses["secret_access_key"],
    )
    text = {"Subject": {"Data": "By an SDK"}, "Body": {"Text": {"Data": "Do come."}}}
    sent = client.send_email(
        FromEmailAddress=running.ready["from"],
        Destination={"ToAddresses": ["ann@example.net"]},
        Content={"Simple": text},
    )
    running.arrives(sent["MessageId"])
    assert b"By an SDK" in running.pool.request("GET", running.ready["inbox_url"]).data


def test_a_canary_comes_back_every_minute(running: Up) -> None:
    """A newcomer sees it at `/readyz`."""

    def canary() -> str:
        checks = running.pool.request("GET", running.ready["readyz_url"]).json()["checks"]
        return str(next(check["detail"] for check in checks if check["name"] == "canary" and check["ok"]))

    until(lambda: "came back at" in canary())


def test_a_killed_worker_is_replaced_and_emails_are_still_sent(running: Up) -> None:
    """When the Celery worker dies another takes its place, and emails accepted meanwhile are sent."""
    running.arrives(running.submit("ann@example.net"))
    worker = worker_of(running)
    os.kill(worker, signal.SIGKILL)
    email_id = running.submit("ben@example.net")
    running.arrives(email_id)
    assert worker_of(running) != worker


def worker_of(gateway: Up) -> int:
    """Return the main process of the Celery worker, once it runs."""

    def look() -> int:
        try:
            return member(gateway.process.pid, called="worker.celery worker")
        except ValueError:
            return 0

    return until(look)


def test_a_part_that_dies_for_good_ends_all_with_its_last_words(home: Path) -> None:
    """Without its simulator the gateway ends: one line names the part that died and its log."""
    with up(home) as gateway:
        below = family(gateway.process.pid)
        os.kill(member(gateway.process.pid, called="-m simulator"), signal.SIGKILL)
        _, printed = gateway.process.communicate(timeout=60)
        assert gateway.process.returncode == 1
        assert printed.startswith("postern: simulator was ended by SIGKILL (log: ")
        assert "simulator listening on" in printed
        assert not any(map(lives, below))
        assert not (home / "data" / "ready.json").exists()


def test_a_port_in_use_is_one_line_and_nothing_is_started(home: Path) -> None:
    """It says which option chooses another port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        for option in ("--port", "--simulator-port"):
            other = "--port" if option == "--simulator-port" else "--simulator-port"
            refused = postern("up", option, number, other, "0", cwd=home)
            assert refused.returncode == 1
            assert refused.stderr.startswith(f"postern: cannot listen on 127.0.0.1:{number}, ")
            assert refused.stderr.endswith(f": pass {option} with a free one\n")
            assert refused.stderr.count("\n") == 1
    assert not (home / "data").exists()


def test_a_gateway_in_use_and_its_secrets_are_guarded(running: Up) -> None:
    """A second `up` on the same data is refused in one line; other users may not read the files of the first."""
    home = running.directory
    second = postern("up", "--port", "0", "--simulator-port", "0", "--smtp-port", "0", cwd=home)
    assert second.returncode == 1
    assert second.stderr == "postern: data is in use by another postern: stop it, or pass --data\n"
    assert running.process.poll() is None
    for file in (home / "data").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
    assert json.loads((home / "data" / "ready.json").read_text())["api_key"].startswith("ptn_")
