"""`postern sbom`: the bill of materials of this environment, as CycloneDX 1.6."""

import re
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any, Final
from uuid import UUID, uuid5

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.cli.shell.command import Command, CommandFailed
from app.cli.shell.operated_gateway import CHECKOUT
from app.cli.shell.terminal import Terminal
from app.version import VERSION

_LOCK: Final = CHECKOUT / "requirements.txt"
_PINNED: Final = re.compile(r"(?m)^([\w.-]+)==")
_OSI: Final = "License :: OSI Approved :: "
_DOCUMENTS: Final = UUID("6f0a3c8e-1c53-4c1b-9a55-9f1f4f2b7b62")
"""The namespace of serial numbers, so that the same components have the same one."""


@dataclass(frozen=True, slots=True)
class Component:
    """One installed package. `license` is as its metadata says, or ""; `needs` names the packages that it requires."""

    name: str
    version: str
    license: str
    needs: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its address by https://github.com/package-url/purl-spec."""
        return f"pkg:pypi/{self.name}@{self.version}"


def run(_given: Namespace, terminal: Terminal) -> bool:
    """Show the components with their licences; with `--json`, the whole document."""
    components = installed()
    terminal.table(("package", "version", "licence"), [(one.name, one.version, one.license) for one in components])
    terminal.answer(document(components))
    return True


def installed() -> tuple[Component, ...]:
    """The packages of the lock that are installed here, by name; those for other platforms are not.

    Raises `CommandFailed` without a lock.
    """
    try:
        locked: set[str] = {canonicalize_name(name) for name in _PINNED.findall(_LOCK.read_text())}
    except FileNotFoundError as error:
        raise CommandFailed(f"{_LOCK} is not there: it names the packages") from error
    return tuple(_component(found, locked) for found in _found(locked))


def document(components: tuple[Component, ...]) -> dict[str, Any]:
    """The components as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/): the same bytes for the same ones."""
    purls = {one.name: one.purl for one in components}
    ours = f"pkg:generic/postern@{VERSION}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(_DOCUMENTS, ' '.join([ours, *purls.values()]))}",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": ours, "name": "postern", "version": VERSION, "purl": ours}
        },
        "components": [_shown(one) for one in components],
        "dependencies": [
            {"ref": ours, "dependsOn": sorted(purls.values())},
            *({"ref": one.purl, "dependsOn": [purls[name] for name in one.needs]} for one in components),
        ],
    }


def _shown(one: Component) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": "library", "bom-ref": one.purl, "name": one.name}
    shown |= {"version": one.version, "purl": one.purl}
    return shown | ({"licenses": [{"license": {"name": one.license}}]} if one.license else {})


def _found(names: set[str]) -> Iterator[Distribution]:
    for name in sorted(names):
        try:
            yield distribution(name)
        except PackageNotFoundError:
            continue


def _component(found: Distribution, locked: set[str]) -> Component:
    needed: set[str] = {canonicalize_name(one.name) for one in map(Requirement, found.requires or ()) if _applies(one)}
    name = canonicalize_name(found.metadata["Name"])
    return Component(name, found.version, _license(found), tuple(sorted(needed & locked - {name})))


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _license(found: Distribution) -> str:
    """The SPDX expression (PEP 639), else the classifiers, else the first line of the field before them."""
    named = [line.removeprefix(_OSI) for line in _said(found, "Classifier") if line.startswith(_OSI)]
    first_lines = [text.strip().partition("\n")[0] for text in _said(found, "License")]
    return " or ".join(_said(found, "License-Expression") or named or first_lines)


def _said(found: Distribution, field: str) -> list[str]:
    return found.metadata.get_all(field) or []


COMMAND = Command(
    words=("sbom",),
    summary="list the packages that Postern runs on, with their licences: a bill of materials",
    detail="With --json the last line is a document of CycloneDX 1.6, for scanners. It has what is installed in this "
    "environment of what the lock names, so run it where Postern runs.",
    example="./postern sbom --json > postern.cdx.json",
    run=run,
)
