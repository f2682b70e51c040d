"""The file of BOUNCE_RULES: read before the rules of the package, and refused at start where it cannot be used."""

from pathlib import Path

import pytest

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.events import Bounce, BounceType
from app.wiring.bounce_rules import build_bounce_reader
from config import Settings, SettingsError
from tests.support.gateway.gateways import settings_for

RULE = '[[rule]]\nid = "ours"\nclass = "full"\ntier = "phrase"\nphrases = ["zimbabwe is closed"]\n'
BOUNCE = Bounce(type=BounceType.PERMANENT, subtype="General", diagnostic="smtp; 550 Zimbabwe is closed")


def settings(file: Path | None) -> Settings:
    return settings_for("sqlite:////tmp/unused.db", "redis://127.0.0.1:1/0", bounce_rules=file)


def test_a_rule_of_the_operator_decides(tmp_path: Path) -> None:
    """What no rule of the package reads, the operator's does; the reading names it."""
    file = tmp_path / "rules.toml"
    file.write_text(RULE)
    assert build_bounce_reader(settings(None)).read(BOUNCE).rule is None
    reading = build_bounce_reader(settings(file)).read(BOUNCE)
    assert (reading.cause, reading.rule) == (BounceCause.MAILBOX_FULL, "ours")


@pytest.mark.parametrize(
    "content, words",
    [
        ("[[rule]]\nid = ", "Invalid value"),
        (RULE.replace("full", "dead"), "Rule ours: `class` has to be one of"),
        (None, "No such file"),
        ("#" * 1_100_000, "at most"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_at_start(tmp_path: Path, content: str | None, words: str) -> None:
    """The process does not start with half of its rules."""
    file = tmp_path / "rules.toml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError) as refused:
        build_bounce_reader(settings(file))
    assert f"BOUNCE_RULES ({file})" in str(refused.value)
    assert words in str(refused.value)
