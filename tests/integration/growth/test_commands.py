"""With years of history, no command scans a whole table. A new command has to be covered here too."""

from pathlib import Path
from typing import Final

import pytest

from app.cli.main import COMMANDS, main
from simulator import Options, Simulator
from tests.support.database.command_walks import ELSEWHERE, command_lines
from tests.support.database.known_ids import known_ids
from tests.support.database.query_plans import require_cheap, watching
from tests.support.gateway.gateways import SECRET_KEY
from tests.support.gateway.web import web_on

LOOKS_THROUGH: Final = "concat_ws("
"""In the statements of `forget` that read all texts on purpose, one page of rows at a time by the primary key."""


def test_no_command_scans_a_table_that_grows(
    url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command that exists is covered: a new one that is not fails this test."""
    for name, value in {"DATABASE_URL": url, "REDIS_URL": redis_url, "SECRET_KEYS": SECRET_KEY}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "simulator")
    monkeypatch.setenv("SES_LIST_SYNC", "off")
    # `forget` reads all rows page by page. Fewer pages show the same plan, and each statement is explained.
    monkeypatch.setattr("app.store.privacy.free_text.PAGE", 25_000)
    monkeypatch.chdir(tmp_path)
    with web_on(url, redis_url, public_url="https://mail.example.com") as web:
        monkeypatch.setattr("tests.support.gateway.unsubscribe.BASE", "https://mail.example.com")
        lines = command_lines(known_ids(web), tmp_path)
    assert lines.keys() | ELSEWHERE == {command.words for command in COMMANDS}
    with Simulator(Options(data=tmp_path / "ses")) as simulator, watching() as watch:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", simulator.url)
        for words, several in lines.items():
            for more in several:
                with watch.doing(" ".join((*words, *more))):
                    main([*words, *more])
    assert "the database failed" not in capsys.readouterr().err
    assert [cost for cost in watch.costs if LOOKS_THROUGH in cost.statement]
    watch.costs = [cost for cost in watch.costs if LOOKS_THROUGH not in cost.statement]
    require_cheap(watch)
