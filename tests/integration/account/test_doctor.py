"""`postern doctor` says what is wrong here and at AWS, each with its fix, and its exit code sums up."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from app.domain.feedback.rejections import Reason, rejected
from app.queue import Lane
from app.services.feedback.rejections import REPEATED
from app.services.operating.sweeps import EVERY_S
from app.store.engine.database import clock
from app.store.sending import circuits
from app.wiring.gateway import Gateway
from simulator import Options, Simulator
from tests.integration.cli.test_operators import point_at
from tests.support.aws.setup.bare_account import BareAccount
from tests.support.aws.simulator import client, listening, until
from tests.support.gateway.emails import ROOT
from tests.support.gateway.gateways import TOPIC, issue
from tests.support.webhooks.nameserver import nameserver

TARGET = "/feedback/sns"
Checks = dict[str, dict[str, Any]]
Doctor = Callable[..., tuple[int, Checks]]


@pytest.fixture
def simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator(Options(data=tmp_path / "ses")) as running:
        for service in ("SESV2", "SNS"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", running.url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "simulator")
        yield running


@pytest.fixture
def doctor(
    gateway: Gateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    simulator: Simulator,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Doctor]:
    """Run the command on this gateway, whose AWS is a simulator in which everything is set up and well."""
    point_at(gateway, tmp_path, monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", simulator.url)
    monkeypatch.setenv("SES_CONFIGURATION_SET", "postern")
    aws = BareAccount(client("sesv2", simulator), client("sns", simulator))
    with listening(simulator) as endpoint:
        public_url = endpoint.url.removesuffix(TARGET)
        monkeypatch.setenv("PUBLIC_URL", public_url)
        topic_arn = aws.make_topic("postern")
        aws.subscribe(topic_arn, public_url)
        until(lambda: aws.is_confirmed(topic_arn, public_url))
        issue(gateway)

        def run(*words: str) -> tuple[int, Checks]:
            capsys.readouterr()
            code = main(["doctor", "--json", *words])
            answer = json.loads(capsys.readouterr().out.splitlines()[-1])
            assert answer["ok"] is {0: True, 1: False, 2: None}[code]
            return code, {check["name"]: check for check in answer["checks"]}

        yield run


def make_alive(gateway: Gateway) -> None:
    """Note what a worker that its broker reaches notes, and that each sweep has succeeded."""
    gateway.workforce.beat("worker-1")
    gateway.workforce.was_reached("node-1")
    for sweep in EVERY_S:
        gateway.upkeep.run(sweep)


def test_a_gateway_that_works_is_well(gateway: Gateway, doctor: Doctor) -> None:
    """Exit 0, and every check says so or why it is skipped."""
    make_alive(gateway)
    code, checks = doctor()
    assert {name: check for name, check in checks.items() if check["status"] not in {"well", "skipped"}} == {}
    assert code == 0
    assert {"settings", "clock", "database", "migrations", "redis", "broker", "worker", "sweeps"} <= checks.keys()


def test_a_gateway_without_workers_is_not(doctor: Doctor) -> None:
    """Exit 1, with what to start; the rest is looked at all the same."""
    code, checks = doctor()
    assert code == 1
    assert (checks["worker"]["ok"], checks["worker"]["fix"]) == (False, "start a worker: docs/operations.md")
    assert checks["sweeps"]["fix"].startswith("start beat")
    assert checks["database"]["ok"]
    assert checks["quota"]["ok"]


def test_what_was_refused_is_shown_until_its_incident_is_closed(gateway: Gateway, doctor: Doctor) -> None:
    """With the topic, what was expected and found, and how to close it."""
    assert doctor()[1]["notifications"]["ok"]
    error = rejected(Reason.NOT_CONFIRMED, expected="an ARN of a subscription", found="AuthorizationError: no")
    assert gateway.receive is not None
    for _ in range(REPEATED):
        gateway.receive.report(error, {"x-amz-sns-topic-arn": TOPIC})
    shown = doctor()[1]["notifications"]
    assert shown["ok"] is False
    assert TOPIC in shown["found"]
    assert "AuthorizationError: no" in shown["found"]
    close = shown["fix"].partition("`./postern ")[2].rstrip("`").split()
    assert main([*close, "--reason", "Mended."]) == 0
    assert doctor()[1]["notifications"]["ok"]


def test_a_misspelt_setting_is_named(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no effect, and a person believes that it has."""
    monkeypatch.setenv("SES_CONFIGURATION_SETS", "postern")
    checks = doctor()[1]
    assert checks["settings"]["ok"] is False
    assert checks["settings"]["found"] == "SES_CONFIGURATION_SETS (meant SES_CONFIGURATION_SET?)"


def test_a_pause_is_a_reminder_and_a_circuit_a_fault(gateway: Gateway, doctor: Doctor) -> None:
    """A person has paused the lane; the circuit was opened by SES's refusals."""
    gateway.pause_lanes.pause(ROOT, Lane.BULK, reason="Wrong picture.")
    with gateway.database.transaction() as connection:
        circuits.trip(connection, "account", reason="Sending is paused.")
    checks = doctor()[1]
    assert (checks["circuit lane:bulk"]["status"], checks["circuit lane:bulk"]["fix"]) == (
        "warning",
        "`./postern resume bulk` ends the pause",
    )
    assert checks["circuit account"]["ok"] is False


def test_a_clock_that_is_off_is_found(gateway: Gateway, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notifications are judged by the database's clock, calls to AWS by this host's."""
    with gateway.database.reading() as connection:
        late = clock(connection).replace(year=2020)
    monkeypatch.setattr("app.wiring.doctor.host_clock", lambda: late)
    checks = doctor()[1]
    assert checks["clock"]["ok"] is False
    assert "ahead of ours" in checks["clock"]["found"]
    assert "NTP" in checks["clock"]["fix"]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_a_database_that_is_away_leaves_the_rest_to_look_at(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What needs it is unknown, so the exit code is 2; AWS is checked all the same."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/none/postern.sqlite3")
    code, checks = doctor()
    assert code == 2
    assert {checks[name]["ok"] for name in ("database", "worker", "notifications", "identities")} == {None}
    assert checks["database"]["fix"]
    assert checks["event destination"]["ok"]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_without_credentials_aws_cannot_be_looked_at(
    gateway: Gateway, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2, said once with what to give; what is here is looked at all the same."""
    make_alive(gateway)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    code, checks = doctor()
    assert code == 2
    assert (
        "AWS_ACCESS_KEY_ID" in next(check for check in checks.values() if "no AWS credentials" in check["found"])["fix"]
    )
    assert checks["event destination"]["found"] == "AWS was not asked again"
    assert checks["worker"]["ok"]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_an_old_database_has_to_be_migrated(doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty file is the oldest."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/empty.sqlite3")
    code, checks = doctor()
    assert code == 1
    assert "alembic upgrade head" in checks["migrations"]["fix"]
    assert checks["worker"]["ok"] is None


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_settings_that_are_not_valid_are_the_fault(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1 with every variable that is wrong."""
    monkeypatch.setenv("MAX_ATTEMPTS", "none")
    code, checks = doctor()
    assert code == 1
    assert "MAX_ATTEMPTS" in checks["settings"]["found"]


def test_where_no_gateway_is_configured_there_is_nothing_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, and how to configure or start one."""
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 2
    assert "./postern up" in capsys.readouterr().err


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_the_former_command_says_its_new_name(
    gateway: Gateway, doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error; its exit codes and the fields of its JSON are those that it had."""
    assert doctor()[0] == 1
    assert main(["ses", "status", "--json"]) == 1
    shown = capsys.readouterr()
    assert "`ses status` is now `./postern doctor`" in shown.err
    findings = {one["name"]: one for one in json.loads(shown.out.splitlines()[-1])["findings"]}
    assert findings["worker"] == {
        "name": "worker",
        "ok": False,
        "found": "No worker was seen in the last minute: email is accepted, but waits.",
        "advice": "start a worker: docs/operations.md",
    }
    make_alive(gateway)
    assert main(["ses", "status"]) == 0


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_the_records_are_asked_of_the_resolver_that_is_named(doctor: Doctor, simulator: Simulator) -> None:
    """With a simulator in the place of SES, too: they are those that it names."""
    identity = client("sesv2", simulator).get_email_identity(EmailIdentity="example.com")
    tokens = identity["DkimAttributes"]["Tokens"]
    published = {f"{token}._domainkey.example.com. CNAME": [f"{token}.dkim.amazonses.com."] for token in tokens}
    with nameserver(published | {"_dmarc.example.com. TXT": ['"v=DMARC1; p=none"']}) as port:
        checks = doctor("--resolver", f"127.0.0.1:{port}")[1]
    assert checks["DKIM by DNS, example.com"]["found"] == f"{len(tokens)} records"
    assert checks["DMARC by DNS, example.com"]["ok"]
    with nameserver({}) as port:
        checks = doctor("--resolver", f"127.0.0.1:{port}")[1]
    assert checks["DKIM by DNS, example.com"]["ok"] is False
    assert tokens[0] in checks["DKIM by DNS, example.com"]["fix"]


@pytest.mark.parametrize("text", ["resolver.example.com", "127.0.0.1:0", "127.0.0.1:dns", "::1:99999x", ""])
def test_a_resolver_is_an_address(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A name would need a resolver itself."""
    with pytest.raises(SystemExit) as stopped:
        main(["doctor", "--resolver", text])
    assert stopped.value.code == 2
    assert "a resolver is an IP address" in capsys.readouterr().err
