"""The decisions of `postern` before anything is installed, and the properties of the locks that it relies on."""

import ast
import re
from pathlib import Path
from types import ModuleType

import pytest

from app.cli.shell.operated_gateway import CHECKOUT
from tests.support.servers.launcher import load_launcher

LOCKS = ("requirements.txt", "requirements-dev.txt")
LOCK_OF_UV = "requirements-uv.txt"
LOCK_OF_DJANGO = "bench/django/requirements.txt"

PIP_WITHOUT_NETWORK = """
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError: [Errno 101] Network is unreachable'
ERROR: Could not find a version that satisfies the requirement flask==3.1.3 (from versions: none)
ERROR: No matching distribution found for flask==3.1.3
"""
PIP_WITHOUT_WHEEL = """
ERROR: Could not find a version that satisfies the requirement hiredis==3.5.0 (from versions: 3.2.0, 3.4.0)
ERROR: No matching distribution found for hiredis==3.5.0
"""
PIP_WITHOUT_INDEX = """
ERROR: Could not find a version that satisfies the requirement alembic==1.20.1 (from versions: none)
ERROR: No matching distribution found for alembic==1.20.1
"""
UV_WITHOUT_WHEEL = """
  x No solution found when resolving dependencies:
  `-> Because hiredis==3.5.0 has no usable wheels and building from source is disabled
"""
TAMPERED = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return `postern`, loaded but not run, without leaving a compiled copy next to it."""
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    return load_launcher()


def pins(lock: str) -> dict[str, str]:
    """Return the pins of one lock: name and version, with their platforms."""
    lines = re.findall(r"^([a-z0-9][\w.-]*)==(.+?) \\$", (CHECKOUT / lock).read_text(), flags=re.MULTILINE)
    return {f"{name} {rest.partition(';')[2]}": rest for name, rest in lines}


def test_an_old_python_can_read_that_it_is_too_old() -> None:
    """The syntax is that of Python 3.6, down to the check of the version."""
    ast.parse((CHECKOUT / "postern").read_text(), feature_version=(3, 6))


@pytest.mark.parametrize(
    "output,advised",
    [
        (PIP_WITHOUT_NETWORK, "the package index cannot be reached"),
        (PIP_WITHOUT_INDEX, "no package was found"),
        (PIP_WITHOUT_WHEEL, "a package has no wheel for "),
        (UV_WITHOUT_WHEEL, "a package has no wheel for "),
        (TAMPERED, "a package is not the one that was locked"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("Segmentation fault", "pip failed: "),
    ],
)
def test_a_failed_install_ends_in_advice(launcher: ModuleType, output: str, advised: str) -> None:
    """The first line says what to do; the output of the installer follows, indented."""
    first, *rest = launcher.advice(output, "pip").splitlines()
    assert first.startswith(advised)
    assert rest == [f"  {line}" for line in output.splitlines() if line.strip()]


def test_only_the_end_of_a_long_output_is_shown(launcher: ModuleType) -> None:
    """The error is visible, not hidden behind pages of an installer's progress."""
    shown = launcher.advice("\n".join(f"line {number}" for number in range(500)), "uv").splitlines()
    assert shown[1:] == [f"  line {number}" for number in range(492, 500)]


def test_another_lock_is_another_fingerprint(launcher: ModuleType, tmp_path: Path) -> None:
    """One changed byte of the lock makes the environment stale."""
    lock = tmp_path / "requirements.txt"
    lock.write_text("a==1\n")
    before = launcher.fingerprint(lock)
    assert launcher.fingerprint(lock) == before
    lock.write_text("a==2\n")
    assert launcher.fingerprint(lock) != before


def test_an_environment_is_current_only_with_its_stamp(launcher: ModuleType, tmp_path: Path) -> None:
    """It needs the stamp of this lock and a Python that runs."""
    home, lock = tmp_path / ".venv", tmp_path / "requirements.txt"
    lock.write_text("a==1\n")
    assert not launcher.is_current(home, lock)
    (home / "bin").mkdir(parents=True)
    launcher.stamp(home, lock).write_text(launcher.fingerprint(lock))
    assert not launcher.is_current(home, lock)
    launcher.interpreter(home).touch(mode=0o755)
    assert launcher.is_current(home, lock)
    launcher.stamp(home, lock).write_text("of another lock")
    assert not launcher.is_current(home, lock)


@pytest.mark.parametrize("lock, more_than", [*((lock, 50) for lock in LOCKS), (LOCK_OF_UV, 0), (LOCK_OF_DJANGO, 30)])
def test_a_lock_pins_and_hashes_all_and_names_no_index(lock: str, more_than: int) -> None:
    """The user chooses the package index; the lock decides the exact bytes of the packages."""
    text = (CHECKOUT / lock).read_text()
    lines = text.splitlines()
    assert len(pins(lock)) > more_than
    for number, line in enumerate(lines):
        pinned = re.fullmatch(r"[a-z0-9][\w.-]*==\S+( ; .+)? \\", line)
        hashed = re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line)
        assert pinned or hashed, f"{lock}:{number + 1}"
    assert "/" not in text


def test_the_development_lock_holds_the_runtime_lock() -> None:
    """Tests run on exactly the versions that are shipped."""
    runtime, development = (pins(lock) for lock in LOCKS)
    assert {name: development.get(name) for name in runtime} == runtime


def test_the_development_lock_leaves_celery_to_name_its_processes_as_in_production() -> None:
    """Celery renames its processes where it finds setproctitle, which mutmut asks for and production does not have."""
    assert "celery " in pins("requirements-dev.txt")
    assert [pin for pin in pins("requirements-dev.txt") if pin.startswith("setproctitle")] == []


def test_the_django_baseline_has_the_versions_of_the_gateway() -> None:
    """Celery, boto3 and psycopg have the same versions, so that they do not explain a difference."""
    runtime, django = pins("requirements.txt"), pins(LOCK_OF_DJANGO)
    shared = runtime.keys() & django.keys()
    assert {"celery ", "boto3 ", "psycopg "} <= shared
    assert {name: django[name] for name in shared} == {name: runtime[name] for name in shared}
