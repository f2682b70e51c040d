"""The command line as a process: its output, its exit codes, and the gateway that it uses."""

import json
import re
from pathlib import Path

import pytest

from tests.support.gateway.gateways import SECRET_KEY, migrate
from tests.support.servers.cli import last_object, postern


def test_a_secret_is_a_key_for_the_ring(tmp_path: Path) -> None:
    """43 characters of URL-safe base64 and nothing else, so that it can be piped."""
    made = postern("secret", cwd=tmp_path)
    assert made.returncode == 0
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}\n", made.stdout)
    assert made.stderr == ""


@pytest.mark.parametrize(
    "words, environment, line",
    [
        (("key", "list"), {}, "no gateway is configured here: set SECRET_KEYS and DATABASE_URL, or start one"),
        (("key", "list", "--data", "nowhere"), {}, "no gateway ever ran in nowhere: start one with"),
        (("send", "--from", "a@example.com", "--to", "b@example.com", "--subject", "x", "--text", "y"), {},
         "no gateway is running in data: run `./postern up`, or pass --url and --key"),
        (("send", "--from", "a@example.com", "--to", "b@example.com", "--subject", "x", "--text", "y"),
         {"POSTERN_URL": "http://127.0.0.1:9", "POSTERN_API_KEY": "ptn_x"},
         "the gateway at http://127.0.0.1:9 does not answer: start it with"),
        (("up", "--use-environment", "--port", "0", "--simulator-port", "0", "--smtp-port", "0"), {"REDIS_URL": "redis://127.0.0.1:9"},
         "the Redis at REDIS_URL does not answer: start it, or unset REDIS_URL"),
        (("up", "--port", "0", "--simulator-port", "0", "--smtp-port", "0", "--data", "/proc/nowhere"), {},
         "cannot write to /proc/nowhere (no such file or directory): pass --data"),
    ],
)  # fmt: skip
def test_a_failure_is_one_line_and_ends_with_1(
    tmp_path: Path, words: tuple[str, ...], environment: dict[str, str], line: str
) -> None:
    """It gives the next step, never a place in the code; with --json the last line holds it too."""
    failed = postern(*words, "--json", cwd=tmp_path, **environment)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"postern: {line}")
    assert failed.stderr.count("\n") == 1
    assert last_object(failed.stdout)["error"] in failed.stderr


def test_every_fault_of_the_settings_is_reported_at_once(tmp_path: Path) -> None:
    """Without a traceback."""
    failed = postern("key", "list", cwd=tmp_path, DATABASE_URL="oracle://x", SECRET_KEYS="short", SES_THREADS="0")
    assert failed.returncode == 1
    assert all(name in failed.stderr for name in ("DATABASE_URL", "SECRET_KEYS", "SES_THREADS"))
    assert "Traceback" not in failed.stderr


def test_words_that_exclude_each_other_end_with_2(tmp_path: Path) -> None:
    """The usage names the command."""
    failed = postern("pause", "slow", "--reason", "x", cwd=tmp_path)
    assert failed.returncode == 2
    assert "usage: postern pause" in failed.stderr


def test_an_operator_never_gets_another_database_than_the_one_named(tmp_path: Path) -> None:
    """With DATABASE_URL set but no key, an existing data directory is not used in its place."""
    other = f"sqlite:///{tmp_path / 'other.db'}"
    attempt = f"sqlite:///{tmp_path / 'mine.db'}"
    migrate(attempt)
    (tmp_path / "data").mkdir()
    remembered = {"DATABASE_URL": attempt, "SECRET_KEYS": SECRET_KEY, "REDIS_URL": "redis://127.0.0.1:9"}
    (tmp_path / "data" / "environment.json").write_text(json.dumps(remembered))
    assert postern("key", "list", cwd=tmp_path).returncode == 0
    assert postern("key", "list", cwd=tmp_path, DATABASE_URL=attempt).returncode == 0
    refused = postern("key", "list", cwd=tmp_path, DATABASE_URL=other)
    assert refused.returncode == 1
    assert refused.stderr.startswith("postern: DATABASE_URL is not the database of ./data")
