"""The deployment files: every image has a digest, and every container a limit for its logs and its memory."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "postern"}
SANDBOX = ("read_only", "cap_drop", "security_opt", "init", "tmpfs", "env_file", "environment", "build")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
UNITS = sorted(DEPLOY.glob("*.service"))
DIGEST = re.compile(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}")


def test_every_base_of_the_image_is_named_by_its_digest() -> None:
    """A tag can be moved, a digest cannot; all stages of the image start from the same base."""
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert [base for base in bases if not DIGEST.fullmatch(base)] == []
    assert len(set(bases)) == 1


def test_every_image_of_others_is_named_by_its_digest() -> None:
    """Postern's image is built from the checkout; the database and Valkey are pulled."""
    images = [service["image"] for service in SERVICES.values() if service["image"] != "postern"]
    assert [image.partition(":")[0] for image in images] == ["postgres", "valkey/valkey"]
    assert [image for image in images if not DIGEST.fullmatch(image)] == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_its_bounds(name: str) -> None:
    """Each has a limit for its memory and for its log."""
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["mem_limit"])
    assert SERVICES[name]["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}


def test_our_containers_have_one_sandbox() -> None:
    """No capability, no file of the image that can be written, the same settings: the door by SMTP like the web."""
    assert OURS.keys() == {"migrate", "web", "worker", "beat", "smtp"}
    first, *others = ({part: service[part] for part in SANDBOX} for service in OURS.values())
    assert (first["read_only"], first["cap_drop"]) == (True, ["ALL"])
    assert all(other == first for other in others)


def test_the_smtp_door_starts_with_its_profile_alone() -> None:
    """The SMTP door starts with its profile alone, and stops no sooner than its messages are answered, after 25 s."""
    assert {name: service.get("profiles") for name, service in SERVICES.items() if "profiles" in service} == {
        "smtp": ["smtp"]
    }
    door = SERVICES["smtp"]
    assert door["ports"] == ["587:587", "465:465"]
    assert door["environment"]["SMTP_BIND"] == "0.0.0.0"
    assert all(volume.endswith(":ro") for volume in door["volumes"])
    assert int(door["stop_grace_period"].removesuffix("s")) > 25


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.stem != "postern-migrate"], ids=lambda unit: unit.stem)
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
    assert len(UNITS) == 5
    low_ports = re.compile(r"(?m)^#.*\n|(?<=Capabilities=)CAP_NET_BIND_SERVICE$|(?<=Set=)CAP_NET_BIND_SERVICE$")
    assert len({low_ports.sub("", box) for box in boxes}) == 1
    assert sum("CAP_NET_BIND_SERVICE" in unit.read_text() for unit in UNITS) == 1
