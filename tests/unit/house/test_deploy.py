"""The deployment files: every image has a digest, and every container a limit for its logs and its memory."""

import re
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
UNITS = sorted(DEPLOY.glob("*.service"))
DIGEST = re.compile(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}")


def services() -> dict[str, str]:
    """Return the text of each service of the compose file, including the parts from `x-postern`."""
    shared = re.search(r"^x-postern: &postern\n((?:  .*\n)+)", COMPOSE, re.MULTILINE)
    assert shared
    listed = COMPOSE.partition("\nservices:\n")[2].partition("\nvolumes:\n")[0]
    parts = re.split(r"^  (\w+):\n", listed, flags=re.MULTILINE)[1:]
    return {
        name: block + (shared[1] if "<<: *postern" in block else "")
        for name, block in zip(parts[::2], parts[1::2], strict=True)
    }


def test_every_base_of_the_image_is_named_by_its_digest() -> None:
    """A tag can be moved, a digest cannot; all stages of the image start from the same base."""
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert [base for base in bases if not DIGEST.fullmatch(base)] == []
    assert len(set(bases)) == 1


def test_every_image_of_others_is_named_by_its_digest() -> None:
    """Postern's image is built from the checkout; the database and Valkey are pulled."""
    images = [image for image in re.findall(r"^ +image: (\S+)", COMPOSE, re.MULTILINE) if image != "postern"]
    assert [image.partition(":")[0] for image in images] == ["postgres", "valkey/valkey"]
    assert [image for image in images if not DIGEST.fullmatch(image)] == []


@pytest.mark.parametrize("name", ["migrate", "web", "worker", "beat", "smtp", "database", "valkey"])
def test_every_container_has_its_bounds(name: str) -> None:
    """Each has a limit for its memory and for its log."""
    assert re.search(r"^ +mem_limit: \d+[mg]$", services()[name], re.MULTILINE)
    assert "logging: *rotated" in services()[name]
    assert re.search(r"&rotated\n  driver: json-file\n  options:\n    max-size: \d+m\n    max-file: \"\d\"\n", COMPOSE)


def test_no_service_is_left_out() -> None:
    """A new service needs its limits as well."""
    assert set(services()) == {"migrate", "web", "worker", "beat", "smtp", "database", "valkey"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_started_again_however_often_it_ends(unit: Path) -> None:
    """By default systemd gives up after five ends in ten seconds; a database may be unavailable for longer."""
    head, _, rest = unit.read_text().partition("[Service]")
    assert "\nStartLimitIntervalSec=0\n" in head
    assert "\nRestart=always\n" in rest


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_sees_the_processors_of_its_host(unit: Path) -> None:
    """`ProcSubset=pid` would hide /proc/cpuinfo and /proc/meminfo, which the libraries below read."""
    assert "ProcSubset" not in unit.read_text()


def test_the_units_have_one_sandbox() -> None:
    """All units have the same restrictions, but that the SMTP door may listen at ports below 1024."""
    boxes = {re.sub(r"(?s).*(?=NoNewPrivileges=)|\n\[Install].*", "", unit.read_text()) for unit in UNITS}
    assert len(UNITS) == 4
    low_ports = re.compile(r"(?m)^#.*\n|(?<=Capabilities=)CAP_NET_BIND_SERVICE$|(?<=Set=)CAP_NET_BIND_SERVICE$")
    assert len({low_ports.sub("", box) for box in boxes}) == 1
    assert sum("CAP_NET_BIND_SERVICE" in unit.read_text() for unit in UNITS) == 1
