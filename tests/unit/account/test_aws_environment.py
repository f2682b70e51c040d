"""Settings of AWS that boto3 cannot use end every command and every process with one sentence, before any call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from app.wiring.account import account_setup
from app.wiring.gateway import build
from config import Settings, SettingsError, load

KEY: Final = "tests-only-0123456789abcdefghijklmnopqrstuv"
UNUSABLE: Final = {
    "unknown profile": ({"AWS_PROFILE": "not-there"}, "profile (not-there) could not be found"),
    "half a key": ({"AWS_ACCESS_KEY_ID": "AKIA"}, "missing: AWS_SECRET_ACCESS_KEY"),
    "endpoint without a scheme": ({"AWS_ENDPOINT_URL": "localhost"}, "Invalid endpoint: localhost"),
    "broken file": ({"AWS_CONFIG_FILE": "broken"}, "Unable to parse config file"),
}
STARTS: Final[dict[str, Callable[[Settings], Any]]] = {"gateway": build, "set-up": account_setup}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("variables, reason", UNUSABLE.values(), ids=UNUSABLE)
def test_settings_of_aws_that_cannot_be_used_are_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    start: Callable[[Settings], Any],
    variables: dict[str, str],
    reason: str,
) -> None:
    """The sentence says what boto3 found wrong, and a person never sees a traceback instead."""
    (tmp_path / "broken").write_text("profile [")
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL_SESV2"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = load(secret_keys=KEY, database_url=f"sqlite:///{tmp_path}/postern.db")
    with pytest.raises(SettingsError) as raised:
        start(settings)
    assert reason in str(raised.value)
