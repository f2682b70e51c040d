"""An operator sees SES's events about an address, also when the email was not ours."""

import json
from pathlib import Path

import pytest

from app.cli.main import main
from app.wiring.gateway import Gateway
from tests.integration.cli.test_operators import point_at
from tests.support.gateway.emails import feed
from tests.support.gateway.gateways import TOPIC

BOUNCE = Path(__file__).parents[2] / "corpus" / "ses" / "identity-bounce.json"


def test_a_bounce_of_a_foreign_email_is_shown_with_its_exemption(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bounce by an identity's topic, of a mailbox-simulator address: listed, with why nothing was suppressed."""
    point_at(gateway, tmp_path, monkeypatch)
    # Of an account of ours: what is of another one is set aside.
    feed(gateway, json.loads(BOUNCE.read_text().replace("154131996403", TOPIC.split(":")[4])))
    assert main(["events", "bounce@simulator.amazonses.com", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out.splitlines()[-1])["events"]
    assert [one["type"] for one in listed] == ["bounce"]
    assert "mailbox simulator" in listed[0]["effect"]
    assert main(["suppressions", "bounce@simulator.amazonses.com", "--json"]) == 1
