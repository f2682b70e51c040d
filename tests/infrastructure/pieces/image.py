"""Builds `deploy/Dockerfile` into a folder, and runs commands in it as a container does, without a container engine.

The base of the image can only be had from a registry of images. Debian's own packages of the same release, with the
same line of Python, stand in for it.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.infrastructure.pieces.programs import program
from tests.support.servers.cli import CHECKOUT

DOCKERFILE: Final = CHECKOUT / "deploy" / "Dockerfile"
_BASE: Final = re.compile(r"python:(?P<python>\d+\.\d+)\.\d+-slim-(?P<release>\w+)@sha256:[0-9a-f]{64}")
_CAN_DO: Final = ("FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER")
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_WHEELS: Final = "/var/cache/wheels"
_TAGS: Final = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")

# As the compose file has it: the root cannot be written to, /tmp is memory, and the volume of the flight recorder can.
_CONTAINER: Final = """
mount --bind "$1" "$1" && mount --bind "$1/var/lib/postern" "$1/var/lib/postern" && mount -t tmpfs tmpfs "$1/tmp" &&
mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" && mount -o remount,bind,ro "$1" || exit 125
root=$1; user=$2; shift 2
exec chroot --userspec="$user" "$root" "$@"
"""


@dataclass(slots=True)
class Image:
    """A built image: its folder, and what the Dockerfile says of the processes that run in it."""

    root: Path
    directory: str = "/"
    user: str = "0"
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})

    def run(self, command: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run one command to its end."""
        return subprocess.run(self._words(command, more), capture_output=True, text=True, check=False)

    @contextmanager
    def running(self, command: str, log: Path, **more: str) -> Iterator[None]:
        """Run one command meanwhile, and stop it as a container is stopped. Its output goes to a file."""
        with log.open("wb") as output:
            process = subprocess.Popen(self._words(command, more), stdout=output, stderr=output)
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)

    def _words(self, command: str, more: Mapping[str, str]) -> list[str]:
        variables = [f"{name}={value}" for name, value in {**self.environment, **more}.items()]
        inside = ["env", "-i", *variables, "sh", "-c", f"cd {shlex.quote(self.directory)} && exec {command}"]
        return ["unshare", "--mount", "sh", "-c", _CONTAINER, "sh", str(self.root), self.user, *inside]


def base_of(dockerfile: str) -> tuple[str, str]:
    """The release of Debian and the line of Python that the image starts from."""
    found = _BASE.search(dockerfile)
    assert found, "the Dockerfile starts from another image than Python's"
    return found["release"], found["python"]


def build(place: Path) -> Image:
    """Carry out the Dockerfile in a folder; skips the test where this cannot be done.

    An instruction that this does not know is an error, and so is a command that fails.
    """
    dockerfile = DOCKERFILE.read_text()
    base = _base(place / "base", dockerfile)
    wheels = _wheels(place / "wheels", base_of(dockerfile)[1])
    stages: dict[str, Image] = {}
    image = Image(place)
    for word, rest in instructions(dockerfile):
        match word:
            case "FROM":
                name = rest.partition(" AS ")[2] or str(len(stages))
                image = stages[name] = Image(place / f"stage-{name}")
                subprocess.run(["cp", "--archive", "--reflink=auto", str(base), str(image.root)], check=True)
                shutil.copytree(wheels, image.root / _WHEELS[1:])
            case "RUN":
                _carry_out(image, rest)
            case "COPY":
                _copy(image, rest.split(), stages)
            case "WORKDIR":
                image.directory = rest
                (image.root / rest[1:]).mkdir(parents=True, exist_ok=True)
            case "ENV":
                pairs = (pair.partition("=") for pair in shlex.split(rest))
                image.environment |= {name: value.replace("$PATH", _PATH) for name, _, value in pairs}
            case "USER":
                image.user = rest
    shutil.rmtree(image.root / _WHEELS[1:])
    return image


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile in their order; lines that go on are one."""
    for line in re.sub(r"\\\n\s*", "", dockerfile).splitlines():
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            assert word in _CAN_DO, f"the test of the image cannot carry out {word}"
            yield word, rest.strip()


def _base(place: Path, dockerfile: str) -> Path:
    release, python = base_of(dockerfile)
    made = program("mmdebstrap", package="mmdebstrap")
    packages = "--include=python3,python3-venv,ca-certificates"
    subprocess.run([made, "--quiet", "--variant=minbase", packages, release, str(place)], check=True)
    link = place / "usr" / "local" / "bin" / "python"
    link.symlink_to(f"/usr/bin/python{python}")
    assert (place / f"usr/bin/python{python}").exists(), f"Debian {release} has no Python {python}"
    return place


def _wheels(place: Path, python: str) -> Path:
    """The wheels of the lock for the image's Python, by the pip that is configured here: inside is no network."""
    machine = os.uname().machine
    platforms = [f"--platform={tag}_{machine}" for tag in _TAGS]
    tags = ["--implementation=cp", f"--python-version={python}", f"--abi=cp{python.replace('.', '')}", "--abi=abi3"]
    packages = ["--require-hashes", "--no-deps", "--requirement", str(CHECKOUT / "requirements.txt")]
    download = [program("pip", package="python3-pip"), "download", "--quiet", "--only-binary=:all:"]
    words = [*download, *tags, "--abi=none", *platforms, "--platform=any", *packages, "--dest", str(place)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place


def _carry_out(image: Image, command: str) -> None:
    """The lock's packages come from the wheels beside it; the command itself is the Dockerfile's."""
    variables = {**image.environment, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": _WHEELS, "HOME": "/root"}
    words = [f"{name}={value}" for name, value in variables.items()]
    inside = f"cd {shlex.quote(image.directory)} && {command}"
    done = subprocess.run(
        ["chroot", str(image.root), "env", "-i", *words, "sh", "-c", inside],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _copy(image: Image, words: list[str], stages: Mapping[str, Image]) -> None:
    """What Docker copies: a file to its name, or the content of a folder; compiled files are not in the context."""
    context, left_out = CHECKOUT, shutil.ignore_patterns("__pycache__")
    if words[0].startswith("--from="):
        context, left_out, words = stages[words[0].partition("=")[2]].root, shutil.ignore_patterns(), words[1:]
    *sources, wanted = words
    target = image.root / str(Path(image.directory) / wanted)[1:]
    for source in sources:
        origin = context / source.lstrip("/")
        if origin.is_dir():
            shutil.copytree(origin, target, symlinks=True, dirs_exist_ok=True, ignore=left_out)
        else:
            shutil.copy2(origin, target / origin.name if target.is_dir() else target)
