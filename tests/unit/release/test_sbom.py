"""The bill of materials names every package that is installed for Postern, in a form that scanners read."""

import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from app.cli.release import sbom
from app.cli.shell.command import CommandFailed


def test_the_document_is_cyclonedx() -> None:
    """It keeps to the schema of version 1.6, to the last field."""
    document = json.dumps(sbom.document(sbom.installed()))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None


def test_every_package_that_runs_is_in_it() -> None:
    """With its version, its licence and what it needs; those that only developers have are not."""
    components = {one.name: one for one in sbom.installed()}
    assert {"flask", "celery", "sqlalchemy", "psycopg", "boto3", "cryptography"} <= components.keys()
    assert "pytest" not in components
    assert [one.name for one in components.values() if not one.license] == []
    assert set(components["flask"].needs) >= {"werkzeug", "jinja2", "click"}


def test_what_is_needed_is_listed() -> None:
    """No component points to one that the document lacks."""
    components = sbom.installed()
    names = {one.name for one in components}
    assert {name for one in components for name in one.needs} <= names


def test_the_same_packages_have_the_same_document() -> None:
    """Two runs differ in nothing, and another version is another document."""
    components = sbom.installed()
    assert sbom.document(components) == sbom.document(sbom.installed())
    other = sbom.Component(components[0].name, "0.0.1", components[0].license, ())
    assert sbom.document((other, *components[1:]))["serialNumber"] != sbom.document(components)["serialNumber"]


def test_without_a_lock_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An image that lacks the lock does not list nothing."""
    monkeypatch.setattr(sbom, "_LOCK", tmp_path / "requirements.txt")
    with pytest.raises(CommandFailed, match=r"requirements\.txt is not there"):
        sbom.installed()
