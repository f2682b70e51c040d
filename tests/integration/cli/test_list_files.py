"""`postern suppressions import` and `export` as processes: their output, their files and their memory."""

import csv
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway.gateways import SECRET_KEY
from tests.support.servers.cli import command, last_object, postern, surroundings
from tests.support.suppression.list_files import CORPUS, csv_of, many

Settings = dict[str, str]


@pytest.fixture
def here(migrated_url: str, redis_url: str) -> Settings:
    """The settings of a gateway."""
    return {"DATABASE_URL": migrated_url, "REDIS_URL": redis_url, "SECRET_KEYS": SECRET_KEY}


def run(*words: str, cwd: Path, here: Settings, stdin: str = "", code: int = 0) -> "subprocess.CompletedProcess[str]":
    done = postern("suppressions", *words, cwd=cwd, stdin=stdin, **here)
    assert done.returncode == code, done.stderr
    return done


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_an_exported_list_is_imported_again(here: Settings, tmp_path: Path) -> None:
    """With a report on each row, and a file that only its owner may read."""
    (tmp_path / "list.csv").write_bytes(csv_of(("email", "origin"), ("Ann@example.net", "bounce"), ("bad", "")))
    dry = last_object(run("import", "list.csv", "--dry-run", "--json", cwd=tmp_path, here=here, code=1).stdout)
    assert (dry["dry_run"], dry["added"], dry["refused"]) == (True, 1, 1)
    run("import", "list.csv", "--dry-run", "--skip-refused", cwd=tmp_path, here=here)
    printed = run("import", "list.csv", "--report", "report.csv", cwd=tmp_path, here=here, code=1).stdout
    assert "added to the list" in printed
    assert "Give one address, with exactly one @." in printed
    with (tmp_path / "report.csv").open(newline="") as report:
        assert list(csv.reader(report)) == [
            ["line", "verdict", "rule", "detail"],
            ["2", "added", "", ""],
            ["3", "refused", "one_at_sign", "Give one address, with exactly one @."],
        ]
    out = last_object(run("export", "--file", "out.csv", "--json", cwd=tmp_path, here=here).stdout)
    assert out == {"entries": 1, "file": "out.csv"}
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o600
    assert run("export", cwd=tmp_path, here=here).stdout == (tmp_path / "out.csv").read_text()
    again = run("import", "-", "--json", cwd=tmp_path, here=here, stdin=(tmp_path / "out.csv").read_text())
    assert last_object(again.stdout)["kept"] == 1


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_a_vendors_list_is_recognised_or_its_kind_is_asked_for(here: Settings, tmp_path: Path) -> None:
    """The failure names what the columns do not say, with exit code 1 and nothing imported."""
    file = str(CORPUS / "sendgrid-bounces.csv")
    failed = run("import", file, cwd=tmp_path, here=here, code=1)
    assert "Name the list with `list`: bounces, blocks, complaints or unsubscribes" in failed.stderr
    done = run("import", file, "--list", "bounces", "--scope", "shop/news", "--json", cwd=tmp_path, here=here)
    assert (last_object(done.stdout)["format"], last_object(done.stdout)["added"]) == ("sendgrid", 2)
    lines = run("export", "--scope", "shop/news", cwd=tmp_path, here=here).stdout.splitlines()
    assert [line.split(",")[1] for line in lines[1:3]] == ["shop/news", "shop/news"]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_an_impossible_command_fails_with_one_line(here: Settings, tmp_path: Path) -> None:
    """A file that is not there, one that is broken, and options that exclude each other."""
    assert "No such file" in run("import", "nowhere.csv", cwd=tmp_path, here=here, code=1).stderr
    (tmp_path / "broken.csv").write_bytes(b'email\n"ann@example.net\n')
    assert "Line 2, column 1" in run("import", "broken.csv", cwd=tmp_path, here=here, code=1).stderr
    assert "--file" in run("export", "--json", cwd=tmp_path, here=here, code=2).stderr
    run("import", "broken.csv", "--format", "excel", cwd=tmp_path, here=here, code=2)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_an_export_that_fails_leaves_the_former_file(here: Settings, tmp_path: Path) -> None:
    """The new file replaces it once it is whole."""
    (tmp_path / "out.csv").write_text("former")
    run("export", "--file", "out.csv", cwd=tmp_path, here={**here, "DATABASE_URL": "sqlite:///nowhere.db"}, code=1)
    assert (tmp_path / "out.csv").read_text() == "former"


def test_memory_does_not_grow_with_the_list(migrated_postgres_url: str, redis_url: str, tmp_path: Path) -> None:
    """30,000 rows, in and out, take as much memory as 5,000."""
    here = {"DATABASE_URL": migrated_postgres_url, "REDIS_URL": redis_url, "SECRET_KEYS": SECRET_KEY}
    peaks: dict[str, list[int]] = {"import": [], "export": []}
    for size in (5_000, 30_000):
        file = tmp_path / f"{size}.csv"
        with file.open("wb") as written:
            written.writelines(many(size))
        answer, peak = _measured(here, tmp_path, "import", str(file))
        assert answer["rows"] == size
        peaks["import"].append(peak)
        answer, peak = _measured(here, tmp_path, "export", "--file", str(tmp_path / "out.csv"))
        assert answer["entries"] == size
        peaks["export"].append(peak)
    for few, many_ in peaks.values():
        assert many_ - few < 7_168, peaks


def _measured(here: Settings, directory: Path, *words: str) -> tuple[dict[str, Any], int]:
    """The command's output, and its largest resident set in kilobytes."""
    with (directory / "output").open("w+") as output:
        process = subprocess.Popen(
            command("suppressions", *words, "--json"), cwd=directory, env=surroundings(**here), stdout=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        output.seek(0)
        return last_object(output.read()), usage.ru_maxrss
