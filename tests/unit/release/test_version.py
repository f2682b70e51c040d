"""The version is said in one place, and the changelog agrees with it."""

import re
from pathlib import Path

import pytest
from packaging.version import Version

from app.cli.main import main
from app.version import VERSION

CHANGELOG = Path(__file__).resolve().parents[3] / "CHANGELOG.md"


def test_the_changelog_agrees_with_the_version() -> None:
    """A release has its own heading. Before that, the version is a `.dev0` of one that is newer than the last."""
    headings = re.findall(r"^## (.+)$", CHANGELOG.read_text(), re.MULTILINE)
    released = [Version(heading.split()[0]) for heading in headings if heading != "Unreleased"]
    ours = Version(VERSION)
    assert released == sorted(released, reverse=True)
    if ours.is_devrelease:
        assert headings[0] == "Unreleased"
        assert ours > released[0]
    else:
        assert "Unreleased" not in headings
        assert ours == released[0]


def test_the_version_can_be_asked_for_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` says it in a line, `version` with what else a report of a fault needs."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"postern {VERSION}\n"
    assert main(["version"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in (VERSION, "migrations", "Python", "sqlalchemy"))
