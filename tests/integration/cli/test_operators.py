"""The operators' commands on a real database and a real Valkey, with settings from this process's environment."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import make_parser
from app.cli.shell.command import CommandFailed, UsageMistake
from app.cli.shell.operated_gateway import operated_gateway
from app.cli.shell.terminal import Terminal
from app.domain.errors import InvalidApiKey, NotFound, ValidationFailed
from app.queue import Lane
from app.services.apps.authenticate import operator
from app.wiring.gateway import Gateway
from tests.support.aws.notifications import bounced, complained, put
from tests.support.gateway.emails import submit
from tests.support.gateway.gateways import SECRET_KEY, TOPIC, ScriptedMailer, caller, gateway_on

Json = dict[str, Any]
Run = Callable[..., Json]


@pytest.fixture
def run(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with --json on the gateway's database and return its answer."""
    point_at(gateway, tmp_path, monkeypatch)

    def run_one(*words: str) -> Json:
        given = make_parser().parse_args([*words, "--json"])
        assert given.command.run(given, Terminal(as_json=True)) is True
        answer: Json = json.loads(capsys.readouterr().out.splitlines()[-1])
        return answer

    return run_one


def point_at(gateway: Gateway, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the environment name the database and the Redis of a gateway, and an SES endpoint without a server."""
    monkeypatch.chdir(directory)
    monkeypatch.setenv("DATABASE_URL", gateway.settings.database_url)
    monkeypatch.setenv("REDIS_URL", gateway.settings.redis_url)
    monkeypatch.setenv("SECRET_KEYS", SECRET_KEY)
    monkeypatch.setenv("SNS_TOPIC_ARNS", TOPIC)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "example")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")


def test_the_rule_for_unconfirmed_emails_is_chosen_and_changed(gateway: Gateway, run: Run) -> None:
    """With an application's first key, and by name afterwards; a later key changes neither it nor the senders."""
    create = ("key", "create", "--app", "events")
    assert run(*create, "--sender", "@example.com")["on_unconfirmed"] == "resend"
    with pytest.raises(ValidationFailed, match=r"`\./postern app set events --on-unconfirmed hold`"):
        run(*create, "--on-unconfirmed", "hold")
    assert run("app", "set", "events", "--on-unconfirmed", "hold")["on_unconfirmed"] == "hold"
    last = run(*create)
    assert (last["on_unconfirmed"], last["senders"]) == ("hold", ["@example.com"])
    assert gateway.authenticate(f"Bearer {last['token']}").on_unconfirmed == "hold"
    changed = run("app", "set", "events", "--sender", "@example.org", "--lane", "bulk", "--reason-optional")
    assert (changed["senders"], changed["lane"], changed["reason_optional"]) == (["@example.org"], "bulk", True)
    with pytest.raises(UsageMistake, match="say what to change"):
        run("app", "set", "events")
    assert run("key", "create", "--app", "new", "--on-unconfirmed", "hold")["on_unconfirmed"] == "hold"


def test_a_key_is_issued_listed_and_revoked(gateway: Gateway, run: Run) -> None:
    """The token authenticates its application until it is revoked; the list never shows it."""
    issued = run("key", "create", "--app", "events", "--sender", "@example.com", "--name", "ci", "--expires-in", "90d")
    assert gateway.authenticate(f"Bearer {issued['token']}").app == "events"
    listed = run("key", "list")["keys"]
    assert [(key["app"], key["name"], key["state"]) for key in listed] == [("events", "ci", "active")]
    assert listed[0]["scopes"] == ["emails:read", "emails:send"]
    assert issued["token"] not in json.dumps(listed)
    run("key", "revoke", issued["id"])
    assert run("key", "list")["keys"][0]["state"] == "revoked"
    other = gateway_on(gateway.settings.database_url, gateway.settings.redis_url)
    with other as another, pytest.raises(InvalidApiKey):
        another.authenticate(f"Bearer {issued['token']}")
    with pytest.raises(NotFound):
        run("key", "revoke", issued["id"])


def test_a_key_for_doors_is_printed_with_what_to_paste(gateway: Gateway, run: Run) -> None:
    """Its scopes are those of an application that sends, and of the doors; a rotated key keeps them."""
    issued = run("key", "create", "--app", "events", "--for", "ses", "--for", "smtp")
    assert issued["scopes"] == ["emails:read", "emails:send", "ses", "smtp"]
    secret = issued["token"].removeprefix(f"ptn_{issued['id']}_")
    assert (issued["ses"]["access_key_id"], issued["ses"]["secret_access_key"]) == (f"ptn_{issued['id']}", secret)
    assert (issued["smtp"]["username"], issued["smtp"]["password"]) == (f"ptn_{issued['id']}", secret)
    assert gateway.authenticate.with_secret(issued["smtp"]["username"], secret).app == "events"
    rotated = run("key", "rotate", issued["id"])
    assert (rotated["scopes"], rotated["ses"]["region"]) == (issued["scopes"], "us-east-1")
    plain = run("key", "create", "--app", "events", "--for", "api", "--scope", "emails:read")
    assert (plain["scopes"], plain["ses"], plain["smtp"]) == (["emails:read"], None, None)


def test_a_person_sees_lines_to_paste(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Environment variables for an AWS SDK, a header for the API, and the fields of an SMTP client."""
    point_at(gateway, tmp_path, monkeypatch)
    words = "key create --app events --for api --for ses --for smtp"
    given = make_parser().parse_args(words.split())
    assert given.command.run(given, Terminal()) is True
    said = capsys.readouterr().out.splitlines()
    token = said[0]
    assert {
        f"Authorization: Bearer {token}",
        "AWS_ENDPOINT_URL_SESV2=http://127.0.0.1:8025",
        "AWS_ENDPOINT_URL_SES=http://127.0.0.1:8025",
        f"AWS_ACCESS_KEY_ID={token[:16]}",
        f"AWS_SECRET_ACCESS_KEY={token[17:]}",
        f"username  {token[:16]}",
        f"password  {token[17:]}",
    } <= set(said)


def test_an_operator_suppresses_looks_up_and_unsuppresses(gateway: Gateway, mailer: ScriptedMailer, run: Run) -> None:
    """A suppressed address gets nothing; it is shown with its reason, and afterwards with the actor of its removal."""
    who = caller(gateway)
    added = run("suppress", "Kim@example.net", "--reason", "By phone.")
    assert (added["email"], added["created"], added["reason"]) == ("Kim@example.net", True, "By phone.")
    assert run("suppress", "kim@example.net")["created"] is False
    assert [one["email"] for one in run("suppressions")["suppressions"]] == ["Kim@example.net"]
    assert run("suppressions", "--origin", "bounce")["suppressions"] == []
    submit(gateway, who, "kim@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert mailer.sent == []
    removed = run("unsuppress", "kim@example.net", "--reason", "She called again.")
    assert (removed["ses_account"], removed["uncovered"]) == ("pending", [])
    assert removed["removed"][0]["removed_by"].startswith("cli:")
    assert run("suppressions")["suppressions"] == []
    run("suppress", "kim@example.net", "--expires-in", "14d")
    shown = run("suppressions", "kim@example.net")
    assert shown["suppressions"][0]["expires_at"] is not None
    assert shown["history"][0]["removal_reason"] == "She called again."


def test_a_paused_lane_keeps_its_emails_until_it_is_resumed(gateway: Gateway, mailer: ScriptedMailer, run: Run) -> None:
    """Nothing of the lane is sent and nothing is lost; the other lane goes on."""
    who = caller(gateway)
    run("pause", "bulk", "--reason", "Wrong picture.")
    submit(gateway, who, "ann@example.net", lane=Lane.BULK)
    submit(gateway, who, "ben@example.net")
    gateway.deliver.drain(Lane.BULK)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == ["ben@example.net"]
    assert "Wrong picture." in " ".join(check.detail for check in gateway.health.ready())
    run("resume", "bulk")
    gateway.deliver.drain(Lane.BULK)
    assert [one.recipient for one in mailer.sent] == ["ben@example.net", "ann@example.net"]
    with pytest.raises(NotFound):
        run("resume", "bulk")


def test_an_unsuppression_needs_a_reason_that_is_not_blank(gateway: Gateway, run: Run) -> None:
    """Without one the address stays on the list."""
    run("suppress", "kim@example.net")
    with pytest.raises(ValidationFailed):
        run("unsuppress", "kim@example.net", "--reason", "  ")
    assert gateway.suppress.find(operator("test"), "kim@example.net").entries


def test_a_database_that_is_not_migrated_is_reported(
    database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any query of tables that are not there."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "SECRET_KEYS": SECRET_KEY}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CommandFailed, match="run `alembic upgrade head`"), operated_gateway(None):
        raise AssertionError("it was let in")


def test_an_operator_undoes_a_removal_and_decides_a_review(gateway: Gateway, run: Run) -> None:
    """With the group's commands, and a domain by its name; `list` and `show` may be left out."""
    run("suppress", "@example.org", "--reason", "Closed down.")
    run("unsuppress", "@example.org", "--reason", "They are back.")
    restored = run("suppressions", "undo", "@example.org", "--reason", "They are not.")["restored"]
    assert [(one["email"], one["status"]) for one in restored] == [("@example.org", "live")]
    for words in (["list"], ["list", "kim@example.org"], ["show", "kim@example.org"], ["kim@example.org"], []):
        assert [one["email"] for one in run("suppressions", *words)["suppressions"]] == ["@example.org"], words
    changes = run("suppressions", "show", "@example.org")["changes"]
    assert [one["type"] for one in changes] == ["restored", "removed", "added"]
    put(gateway, *(json.dumps(bounced(f"r{one}@example.net", message=f"m{one}")) for one in range(20)))
    gateway.settle.drain()
    gateway.reviews.sweep()
    assert len(run("suppressions", "--review")["suppressions"]) == 20
    assert [one["domain"] for one in run("suppressions", "review")["reviews"]] == ["example.net"]
    decided = run("suppressions", "review", "confirm", "example.net", "--reason", "They closed down.")
    assert decided["entries"] == 20
    assert run("suppressions", "review", "list")["reviews"] == []


def test_a_complaint_is_unsuppressed_only_with_force(gateway: Gateway, run: Run) -> None:
    """The refusal names the option."""
    put(gateway, json.dumps(complained("kim@example.net", message="m")))
    gateway.settle.drain()
    with pytest.raises(ValidationFailed, match="force"):
        run("unsuppress", "kim@example.net", "--reason", "She asked.")
    removed = run("unsuppress", "kim@example.net", "--reason", "She asked.", "--force")["removed"]
    assert [one["origin"] for one in removed] == ["complaint"]
