"""The end of a key rotation at the command line: what is under which key, reseal, and which keys may go."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection

from app.cli.main import main
from app.domain.sending.state_machine import State
from app.queue import Lane
from app.services.operating.key_rotation import BATCH
from app.store.operating import sealed_rows
from app.wiring.gateway import Gateway
from tests.integration.cli.test_operators import point_at
from tests.support.gateway.emails import ROOT, state_of, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on
from tests.support.gateway.rows import rows

OLD, NEW = "tests-only-the-older-key-0123456789abcdefgh", "tests-only-the-newer-key-0123456789abcdefgh"
BOTH = f"{NEW},{OLD}"

RowResult = tuple[int, dict[str, Any]]
Run = Callable[..., RowResult]


@pytest.fixture
def run(gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with a ring; its exit code and its answer."""
    point_at(gateway, tmp_path, monkeypatch)

    def run_one(ring: str, *words: str) -> RowResult:
        monkeypatch.setenv("SECRET_KEYS", ring)
        code = main([*words, "--json"])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    return run_one


def fill(gateway: Gateway, mailer: ScriptedMailer, *, waiting: int, ended: int) -> tuple[UUID, ...]:
    """Emails that OLD has sealed, and with them the key of the pseudonyms; the ids of those that wait."""
    with gateway_on(gateway.settings.database_url, gateway.settings.redis_url, mailer=mailer, secret_keys=OLD) as old:
        who = caller(old)
        for number in range(ended):
            submit(old, who, f"ended{number}@example.net")
        old.deliver.drain(Lane.TRANSACTIONAL)
        return tuple(submit(old, who, f"waits{number}@example.net") for number in range(waiting))


def counted(answer: dict[str, Any]) -> list[tuple[object, ...]]:
    return [
        (one["place"], one["rows"]["peppers"], one["rows"]["emails"], one["waiting"], one["may_go"])
        for one in answer["keys"]
    ]


def test_a_rotation_is_checked_and_finished(gateway: Gateway, mailer: ScriptedMailer, run: Run) -> None:
    """Check counts rows by key; reseal moves them to the first key; then the older key may go, and emails are sent."""
    waiting = fill(gateway, mailer, waiting=2, ended=3)
    code, answer = run(OLD, "secret", "check")
    assert (code, answer["verdict"], counted(answer)) == (0, "finished", [(1, 1, 5, 0, False)])
    code, answer = run(BOTH, "secret", "check")
    assert (code, answer["verdict"]) == (1, "unfinished")
    assert counted(answer) == [(1, 0, 0, 0, False), (2, 1, 5, 2, False)]
    code, answer = run(BOTH, "secret", "reseal")
    assert (code, answer["sealed"]) == (0, {"peppers": 1, "emails": 5})
    code, answer = run(BOTH, "secret", "check")
    assert (code, answer["verdict"]) == (0, "finished")
    assert counted(answer) == [(1, 1, 5, 0, False), (2, 0, 0, 0, True)]
    assert run(NEW, "secret", "check")[0] == 0
    with gateway_on(gateway.settings.database_url, gateway.settings.redis_url, mailer=mailer, secret_keys=NEW) as new:
        new.deliver.drain(Lane.TRANSACTIONAL)
        assert [state_of(new, email) for email in waiting] == [State.SENT, State.SENT]
    (entry,) = rows(gateway, "audit", action="reseal")
    assert entry["data"]["sealed"] == {"peppers": 1, "emails": 5}


def test_a_missing_key_is_named_by_its_id_with_exit_code_2(gateway: Gateway, mailer: ScriptedMailer, run: Run) -> None:
    """With the number of emails that wait for it; reseal leaves those rows alone and says so."""
    fill(gateway, mailer, waiting=1, ended=0)
    code, answer = run(NEW, "secret", "check")
    assert (code, answer["verdict"]) == (2, "cannot_be_opened")
    assert counted(answer) == [(1, 0, 0, 0, False), (None, 1, 1, 1, False)]
    code, answer = run(NEW, "secret", "reseal")
    assert (code, answer["sealed"], answer["left"]) == (1, {"peppers": 0, "emails": 0}, {"peppers": 1, "emails": 1})
    assert run(OLD, "secret", "check")[0] == 0


def test_no_command_prints_a_key(gateway: Gateway, mailer: ScriptedMailer, run: Run) -> None:
    """Of the keys in SECRET_KEYS only ids are shown."""
    fill(gateway, mailer, waiting=1, ended=0)
    said = [run(ring, "secret", verb) for ring in (OLD, BOTH, NEW) for verb in ("check", "reseal", "check")]
    assert not [key for key in (OLD, NEW) if key in json.dumps(said, default=str)]


def test_reseal_may_be_interrupted_and_repeated(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """Each batch is committed; a second run does the rest, and a third one nothing."""
    fill(gateway, mailer, waiting=3, ended=0)
    where = (gateway.settings.database_url, gateway.settings.redis_url)
    with gateway_on(*where, mailer=mailer, secret_keys=BOTH) as both:
        first = next(iter(both.rotation.reseal(ROOT)))
        assert first.sealed == {"peppers": 1}
        *_, second = both.rotation.reseal(ROOT)
        assert second.sealed == {"emails": 3}
        *_, third = both.rotation.reseal(ROOT)
        assert third.sealed.total() == 0
    assert BATCH <= 500


def test_a_body_that_is_erased_meanwhile_stays_erased(
    gateway: Gateway, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention may erase a body between the look at a page and the lock of its rows: no key is written back."""
    (email,) = fill(gateway, mailer, waiting=1, ended=0)
    lock = sealed_rows.lock

    def lock_late(
        connection: Connection, kind: sealed_rows.Kind, ids: Sequence[UUID]
    ) -> tuple[sealed_rows.Wrapped, ...]:
        if kind is sealed_rows.EMAILS:
            connection.exec_driver_sql("UPDATE emails SET sealed_body = NULL, sealed_key = NULL")
        return lock(connection, kind, ids)

    monkeypatch.setattr(sealed_rows, "lock", lock_late)
    where = (gateway.settings.database_url, gateway.settings.redis_url)
    with gateway_on(*where, mailer=mailer, secret_keys=BOTH) as both:
        *_, done = both.rotation.reseal(ROOT)
        assert (done.sealed["emails"], done.left["emails"]) == (0, 1)
        assert rows(both, "emails", id=email)[0]["sealed_key"] is None
