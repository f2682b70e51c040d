"""The image of deploy/Dockerfile is built, and its commands are those with which the compose file runs the gateway."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
import urllib3
import yaml

from app.cli.local.children.port_checks import free_port
from app.services.operating.key_rotation import new_key
from app.version import VERSION
from tests.infrastructure.pieces.image import Image, build
from tests.support.servers.cli import CHECKOUT, until
from tests.support.servers.servers import running_valkey

SERVICES: Final[dict[str, Any]] = yaml.safe_load((CHECKOUT / "deploy" / "compose.yaml").read_text())["services"]


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    if os.getuid() != 0:
        pytest.skip("an image is built by root")
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield build(Path(directory))


def test_the_gateway_of_the_image_is_ready(image: Image, root: Path, tmp_path: Path) -> None:
    """By the commands of the compose file: the migration, then web, SMTP door, worker and beat, on a read-only root."""
    port, smtp_port, redis_port = free_port(), free_port(), free_port()
    settings = {
        "SECRET_KEYS": new_key(),
        "DATABASE_URL": "sqlite:////var/lib/postern/postern.db",
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "SNS_TOPIC_ARNS": "arn:aws:sns:eu-west-1:123456789012:postern",
        "SES_CONFIGURATION_SET": "postern",
        "SES_ENDPOINT_URL": "http://127.0.0.1:9",
        "PUBLIC_URL": "https://mail.example.com",
        "SMTP_PORT": str(smtp_port),
        "SMTP_CLEAR_AUTH_ON_LOOPBACK": "true",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "A" * 20,
        "AWS_SECRET_ACCESS_KEY": "s" * 40,
    } | {"FLIGHT_DIR": "/var/lib/postern/flight", "MALLOC_ARENA_MAX": "2"}
    migrated = image.run(SERVICES["migrate"]["command"], **settings)
    assert migrated.returncode == 0, migrated.stderr
    with ExitStack() as running:
        running.enter_context(running_valkey(root, more={"port": str(redis_port)}))
        for name in ("web", "smtp", "worker", "beat"):
            command = SERVICES[name]["command"].replace("0.0.0.0:8025", f"127.0.0.1:{port}")
            running.enter_context(image.running(command, tmp_path / name, **settings))
        ready = until(lambda: _ready(port)) or {}
    assert ready["status"] == "ready"
    assert [check["name"] for check in ready["checks"] if check["required"] and not check["ok"]] == []
    assert {"worker", "broker", "migrations", "smtp"} <= {check["name"] for check in ready["checks"] if check["ok"]}


def _ready(port: int) -> dict[str, Any] | None:
    """The answer of /readyz once every part has reported, else None."""
    try:
        answer = urllib3.request("GET", f"http://127.0.0.1:{port}/readyz", retries=False, timeout=5)
    except urllib3.exceptions.HTTPError:
        return None
    found: dict[str, Any] = answer.json()
    return found if answer.status == 200 and all(check["ok"] for check in found["checks"]) else None


def test_the_image_says_what_it_is_made_of(image: Image) -> None:
    """Its version, and a bill of materials of the packages that it has."""
    said = image.run("python -m app.cli version --json")
    assert json.loads(said.stdout.splitlines()[-1])["version"] == VERSION
    materials = json.loads(image.run("python -m app.cli sbom --json").stdout.splitlines()[-1])
    listed = {(one["name"], one["version"]) for one in materials["components"]}
    there = {path.name.lower().replace("_", "-") for path in (image.root / "opt/postern").glob("lib/*/site-packages/*")}
    assert {f"{name}-{version}.dist-info" for name, version in listed} <= there
    assert len(listed) > 50


def test_nothing_in_the_image_can_be_changed_by_the_gateway(image: Image) -> None:
    """Its user owns only the folder of its data."""
    asked = image.run('sh -c \'id -u; find / -xdev -writable -not -type l -not -path "/proc/*" -not -path "/dev/*"\'')
    user, *writable = asked.stdout.splitlines()
    assert user == "10001"
    assert [path for path in writable if not path.startswith(("/var/lib/postern", "/tmp"))] == []
