"""`postern lock` writes what uv resolves, and with `--check` only compares it."""

import json
import os
from pathlib import Path

import pytest

from app.cli.main import main
from app.cli.release import lock

RESOLVES = """#!/bin/sh
echo "$@" >> "{asked}"
for lock; do :; done
cat "{resolved}" > "$lock"
"""


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout whose locks say `flask==3.1.2`, and a uv that resolves every source to `flask==3.1.3`."""
    home = tmp_path / "checkout"
    for name in lock.LOCKS:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("flask==3.1.2\n")
        (home / name).with_suffix(".in").write_text("flask\n")
    (home / "pyproject.toml").write_text("")
    (tmp_path / "resolved").write_text("flask==3.1.3\n")
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(RESOLVES.format(asked=tmp_path / "asked", resolved=tmp_path / "resolved"))
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(lock, "CHECKOUT", home)
    return home


def test_the_locks_are_written_anew(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each, and the answer names those that changed."""
    assert main(["lock", "--json"]) == 0
    assert {(checkout / name).read_text() for name in lock.LOCKS} == {"flask==3.1.3\n"}
    assert json.loads(capsys.readouterr().out) == {"changed": list(lock.LOCKS), "written": True}


def test_a_check_writes_nothing_and_fails(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the locks that are out of date and the command that mends them."""
    assert main(["lock", "--check"]) == 1
    assert {(checkout / name).read_text() for name in lock.LOCKS} == {"flask==3.1.2\n"}
    assert "not what its source says: run `./postern lock`" in capsys.readouterr().out


def test_a_check_of_locks_that_are_right_succeeds(checkout: Path, tmp_path: Path) -> None:
    """Nothing changed, so nothing is out of date."""
    (tmp_path / "resolved").write_text("flask==3.1.2\n")
    assert main(["lock", "--check"]) == 0


@pytest.mark.parametrize(
    "words, option",
    [
        ((), None),
        (("--upgrade",), "--upgrade"),
        (("--upgrade", "flask", "celery"), "--upgrade-package=flask --upgrade-package=celery"),
    ],
)
def test_versions_move_only_where_they_are_asked_to(
    checkout: Path, tmp_path: Path, words: tuple[str, ...], option: str | None
) -> None:
    """Without the option uv keeps to the lock; with it, of the named packages or of all."""
    assert main(["lock", *words]) == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == len(lock.LOCKS)
    assert all(option in line if option else "--upgrade" not in line for line in asked)


def test_what_cannot_be_resolved_is_one_line(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the source and uv's last words, and no lock is touched."""
    (tmp_path / "bin" / "uv").write_text("#!/bin/sh\necho 'error: no version of flask' >&2\nexit 1\n")
    assert main(["lock"]) == 1
    assert "requirements.in cannot be resolved: error: no version of flask" in capsys.readouterr().err
    assert {(checkout / name).read_text() for name in lock.LOCKS} == {"flask==3.1.2\n"}
