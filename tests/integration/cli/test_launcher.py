"""`postern` run in small checkouts of its own, with an installer that only pretends to install."""

import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).resolve().parents[3] / "postern"

# Makes a real environment, records each install, and can be made slow or made to fail.
PRETENDED_UV = """#!/bin/sh
if [ "$1" = venv ]; then
    for home; do :; done
    exec "{python}" -I -m venv --without-pip "$home"
fi
echo install $UV_COMPILE_BYTECODE >> "{directory}/installs"
while [ -e "{directory}/slow" ]; do sleep 0.05; done
[ -e "{directory}/broken" ] && {{ cat "{directory}/broken"; exit 2; }}
exit 0
"""

GATEWAY = "import os, sys\nprint(*sys.argv[1:], sys.prefix, os.getcwd(), sep='|')\n"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout with only the launcher, a lock and a command line that reports its arguments."""

    path: Path
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        return [self.python, str(self.path / "postern"), *arguments]

    def run(
        self, *arguments: str, user: int | None = None, cwd: Path = Path("/")
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=cwd,
            user=user,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @property
    def slow(self) -> Path:
        """While this file exists, an install does not end."""
        return self.path.parent / "slow"

    @property
    def installs(self) -> int:
        log = self.path.parent / "installs"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def wait_for_install(self) -> None:
        """Wait until an installer is running."""
        while self.installs == 0:
            time.sleep(0.02)


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    """A fresh checkout that other users may read; `uv` is on its PATH."""
    root = os.geteuid() == 0
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin") if root else sys.executable
    assert python, "as root, these tests need a Python that other users may run"
    directory = Path(tempfile.mkdtemp(prefix="postern-launcher-"))
    path = directory / "checkout"
    (path / "app" / "cli").mkdir(parents=True)
    shutil.copy(LAUNCHER, path)
    (path / "requirements.txt").write_text("one==1 \\\n    --hash=sha256:00\n")
    (path / "app" / "cli" / "__main__.py").write_text(GATEWAY)
    uv = directory / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(PRETENDED_UV.format(python=python, directory=directory))
    (directory / "cache").mkdir()
    for shared in (directory, directory / "cache", uv):
        shared.chmod(0o777)
    environment = {"PATH": f"{uv.parent}:/usr/bin:/bin", "HOME": "/nonexistent", "TMPDIR": str(directory / "cache")}
    yield Checkout(path, python, environment)
    path.chmod(0o755)
    shutil.rmtree(directory)


def test_a_fresh_checkout_is_prepared_and_run(checkout: Checkout, tmp_path: Path) -> None:
    """Arguments and the caller's directory arrive unchanged, in the environment beside the launcher."""
    first = checkout.run("send", "--to", "a b", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"send|--to|a b|{checkout.path / '.venv'}|{tmp_path}\n"
    assert "installing what is missing of the" in first.stderr


def test_a_second_run_prepares_nothing(checkout: Checkout) -> None:
    """It prints nothing, installs nothing and takes hardly any time."""
    assert checkout.run("demo").returncode == 0
    began = time.monotonic()
    second = checkout.run("demo")
    assert time.monotonic() - began < 5
    assert (second.returncode, second.stderr, checkout.installs) == (0, "", 1)


@pytest.mark.parametrize("words", [("--help",), ("bench", "--help"), ("key", "create", "-h")])
def test_help_installs_nothing(checkout: Checkout, words: tuple[str, ...]) -> None:
    """Not even what the command itself would need; other words with `--help` go to the command."""
    shutil.copy(LAUNCHER.parent / "app" / "cli" / "help_pages.json", checkout.path / "app" / "cli")
    ended = checkout.run(*words)
    assert (ended.returncode, ended.stderr, checkout.installs) == (0, "", 0)
    assert ended.stdout.startswith(" ".join(["usage: postern", *words[:-1], "[-h]"]))
    assert not (checkout.path / ".venv").exists()
    assert checkout.run("send", "more", "--help").stdout.startswith("send|more|--help|")


def test_a_changed_lock_is_installed(checkout: Checkout) -> None:
    """The stamp depends on the lock's content."""
    checkout.run()
    (checkout.path / "requirements.txt").write_text("two==2 \\\n    --hash=sha256:00\n")
    assert checkout.run().returncode == 0
    assert checkout.installs == 2


def test_the_tests_get_the_development_lock_and_run_in_parallel(checkout: Checkout, tmp_path: Path) -> None:
    """`test` adds what the tests need, runs them in the checkout, and lets later options of the caller override."""
    (checkout.path / "requirements-dev.txt").write_text("two==2 \\\n    --hash=sha256:00\n")
    (checkout.path / "pytest.py").write_text(GATEWAY)
    made = checkout.run("test", "-n", "0", "tests/unit", cwd=tmp_path)
    assert (
        made.stdout
        == f"-n|logical|--maxprocesses|8|--dist|worksteal|-n|0|tests/unit|{checkout.path / '.venv'}|{checkout.path}\n"
    )
    assert checkout.installs == 2
    assert checkout.run("demo").stderr == ""


@pytest.mark.parametrize("command", ["chaos", "bench"])
def test_a_command_of_developers_gets_the_development_lock(checkout: Checkout, command: str) -> None:
    """The drill and the benchmarks need the same packages as the tests, and are commands like all others."""
    (checkout.path / "requirements-dev.txt").write_text("one==1 \\\n    --hash=sha256:00\n")
    done = checkout.run(command, "--json")
    assert done.stdout.startswith(f"{command}|--json|"), done.stderr
    assert checkout.installs == 2


def test_two_at_once_install_once(checkout: Checkout) -> None:
    """The second waits for the first and finds the work done."""
    checkout.slow.touch()
    first = checkout.start()
    checkout.wait_for_install()
    with checkout.start() as second:
        assert "waiting for another ./postern" in said(second)
        checkout.slow.unlink()
        first.communicate()
        second.communicate()
    assert (first.returncode, second.returncode, checkout.installs) == (0, 0, 1)


def test_an_interrupted_install_is_done_again(checkout: Checkout) -> None:
    """The next run waits until the orphaned installer is gone, and discards its files."""
    checkout.slow.touch()
    killed = checkout.start()
    checkout.wait_for_install()
    (checkout.path / ".venv" / "half-installed").touch()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with checkout.start() as again:
        assert "waiting for another ./postern" in said(again)
        checkout.slow.unlink()
        again.communicate()
    killed.communicate()
    assert (again.returncode, checkout.installs) == (0, 2)
    assert not (checkout.path / ".venv" / "half-installed").exists()


def said(process: "subprocess.Popen[str]") -> str:
    """The next line of progress."""
    assert process.stderr is not None
    return process.stderr.readline()


def test_a_failed_install_is_reported_and_tried_again(checkout: Checkout) -> None:
    """Advice first, then the installer's output, status 1; the next run starts over."""
    broken = checkout.path.parent / "broken"
    broken.write_text("error sending request: dns error\n")
    failed = checkout.run("demo")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.splitlines()[-2:] == [
        "postern: the package index cannot be reached: check the network, or the index that is configured for uv",
        "  error sending request: dns error",
    ]
    broken.unlink()
    assert checkout.run("demo").returncode == 0


def test_a_read_only_checkout_is_prepared_elsewhere(checkout: Checkout) -> None:
    """An ordinary user without a home runs another's checkout, and the second run finds the same environment."""
    checkout.path.chmod(0o555)
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    first, second = checkout.run("demo", user=user), checkout.run("demo", user=user)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert first.stdout == second.stdout
    assert first.stdout.startswith(f"demo|{checkout.environment['TMPDIR']}/postern-")
    assert second.stderr == ""
    assert not (checkout.path / ".venv").exists()


def test_an_environment_of_the_owner_serves_all_users(checkout: Checkout) -> None:
    """Root prepares it, ordinary users run it."""
    checkout.run("demo")
    checkout.path.chmod(0o555)
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    other = checkout.run("demo", user=user)
    assert (other.returncode, other.stderr) == (0, "")
    assert f"|{checkout.path / '.venv'}|" in other.stdout


@pytest.fixture
def without_uv(checkout: Checkout) -> Checkout:
    """The checkout where PATH has no uv: pip finds a wheel of the fake one, and its hash in the lock."""
    on_path = checkout.path.parent / "bin" / "uv"
    wheels = checkout.path.parent / "wheels"
    wheels.mkdir()
    wheel = wheels / "uv-1-py3-none-any.whl"
    info = "uv-1.dist-info"
    script = on_path.read_text().replace("echo install", 'echo "${UV_FIND_LINKS}"')
    with zipfile.ZipFile(wheel, "w") as archive:
        program = zipfile.ZipInfo("uv-1.data/scripts/uv")
        program.external_attr = 0o100755 << 16
        archive.writestr(program, script)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 1\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    on_path.unlink()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (checkout.path / "requirements-uv.txt").write_text(f"uv==1 \\\n    --hash=sha256:{digest}\n")
    checkout.environment.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels))
    return checkout


def test_without_uv_pip_installs_uv_first(without_uv: Checkout) -> None:
    """The rest is installed by uv, from the index that pip is configured with; the next lock needs no second uv."""
    made = without_uv.run("demo")
    assert made.returncode == 0, made.stderr
    assert "installing uv with pip" in made.stderr
    assert f"|{without_uv.path / '.venv'}|" in made.stdout
    (without_uv.path / "requirements.txt").write_text("two==2 \\\n    --hash=sha256:00\n")
    again = without_uv.run("demo")
    assert again.returncode == 0, again.stderr
    assert "installing uv" not in again.stderr
    looked_in = (without_uv.path.parent / "installs").read_text().splitlines()
    assert looked_in == [without_uv.environment["PIP_FIND_LINKS"]] * 2


def test_a_uv_that_is_not_the_locked_one_is_refused(without_uv: Checkout) -> None:
    """The tool that installs everything else is pinned by its hash as well."""
    (without_uv.path / "requirements-uv.txt").write_text(f"uv==1 \\\n    --hash=sha256:{'0' * 64}\n")
    refused = without_uv.run("demo")
    assert refused.returncode == 1
    assert "a package is not the one that was locked and was refused" in refused.stderr


@pytest.mark.parametrize("may_write", [True, False])
def test_packages_are_compiled_where_no_process_may_do_it(checkout: Checkout, may_write: bool) -> None:
    """Otherwise each process compiles all of them anew at each start, and the first demo takes twice as long."""
    checkout.environment.update({} if may_write else {"PYTHONDONTWRITEBYTECODE": "1"})
    assert checkout.run("demo").returncode == 0
    [install] = (checkout.path.parent / "installs").read_text().splitlines()
    assert install == ("install" if may_write else "install 1")


def test_a_long_install_shows_its_progress(checkout: Checkout) -> None:
    """Every few seconds a line gives the current step and its duration."""
    checkout.slow.touch()
    with checkout.start() as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "is still at work" in line)
        checkout.slow.unlink()
        process.communicate()
    assert re.fullmatch(r"postern: uv is still at work, \d+ s\n", line)
    assert process.returncode == 0
