"""What SES has reported of an address is shown to an operator, also when the mail was not ours."""

import json
from pathlib import Path

import pytest

from app.cli.main import main
from app.wiring import Gateway
from tests.integration.test_cli_operators import point_at
from tests.mails import feed

BOUNCE = Path(__file__).parents[1] / "corpus" / "ses" / "identity-bounce.json"


def test_a_bounce_of_foreign_mail_is_shown_with_its_exemption(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An identity-level bounce of a mailbox-simulator address stands in its news, and why nobody was suppressed."""
    point_at(gateway, tmp_path, monkeypatch)
    feed(gateway, json.loads(BOUNCE.read_text()))
    assert main(["news", "bounce@simulator.amazonses.com", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["news"]
    assert [one["type"] for one in told] == ["bounce"]
    assert "mailbox simulator" in told[0]["effect"]
    assert main(["suppressions", "bounce@simulator.amazonses.com", "--json"]) == 1
