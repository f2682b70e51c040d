"""What has to be made, changed and removed, so that the account has what is wanted. It does no I/O."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from app.domain.account.setup.policies import canonical
from app.domain.account.setup.resources import TAG, Found, Json, Kind, Place, Resource

MISSING: Final = "not set"


class Action(StrEnum):
    """What a plan does with a resource, by its sign."""

    MAKE = "+"
    CHANGE = "~"
    REMOVE = "-"
    USE = "="
    REFUSE = "!"


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that is not as it should be."""

    name: str
    found: Json
    wanted: Json

    def __str__(self) -> str:
        return f"{self.name}: {_in_words(self.found)} -> {_in_words(self.wanted)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a plan: what is done with a resource, and the `reason`."""

    action: Action
    resource: Resource
    reason: str
    differences: tuple[Difference, ...] = ()
    adopts: bool = False

    @property
    def is_work(self) -> bool:
        """Whether `apply` has to do something."""
        return self.action in {Action.MAKE, Action.CHANGE, Action.REMOVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The changes of one deployment in their order. Those that are refused have to be settled by a person first."""

    deployment: str
    place: Place
    changes: tuple[Change, ...]

    @property
    def work(self) -> tuple[Change, ...]:
        """What `apply` has to do."""
        return tuple(one for one in self.changes if one.is_work)

    @property
    def refused(self) -> tuple[Change, ...]:
        """What stands in the way."""
        return tuple(one for one in self.changes if one.action is Action.REFUSE)


def is_pending(change: Change) -> bool:
    """Whether nothing is missing but that the gateway confirms this subscription."""
    names = [one.name for one in change.differences]
    return change.resource.kind is Kind.SUBSCRIPTION and names == ["Confirmed"]


def doable(plan: Plan) -> tuple[Change, ...]:
    """What can be done now.

    A subscription that waits for its gateway cannot be helped. The one that it replaces stays until then, or events
    would get lost, and so does what is remembered of it.
    """
    work = [one for one in plan.work if not is_pending(one)]
    if any(_is_by_http(one) and (one.action is Action.MAKE or is_pending(one)) for one in plan.work):
        replaced = [one for one in work if _is_by_http(one) and one.action is Action.REMOVE]
        kept = [*replaced, *(one for one in work if replaced and _is_of_the_set(one))]
        work = [one for one in work if one not in kept]
    return tuple(work)


def _is_by_http(change: Change) -> bool:
    return change.resource.kind is Kind.SUBSCRIPTION and change.resource.name.startswith("http")


def _is_of_the_set(change: Change) -> bool:
    return change.action is Action.CHANGE and change.resource.kind is Kind.CONFIGURATION_SET


def in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes with that of the configuration set at the end: its tags remember what is still to be removed."""
    return tuple(sorted(changes, key=_is_of_the_set))


def changes_to(
    wanted: Iterable[Resource], found: Mapping[tuple[Kind, str], Found], *, deployment: str, adopt: frozenset[str]
) -> list[Change]:
    """What is to be done so that these resources are there, in their order. `adopt` names foreign ones to take over."""
    changes = (_change(one, found.get(one.key), deployment=deployment, adopt=adopt) for one in wanted)
    return [one for one in changes if one is not None]


def removals(
    unwanted: Iterable[Resource], found: Mapping[tuple[Kind, str], Found], *, deployment: str, reason: str
) -> list[Change]:
    """What is to be removed of these: only what is there and belongs to the deployment. The last made goes first.

    A subscription that waits for confirmation cannot be removed. SNS drops it by itself.
    """
    return [
        Change(action=Action.REMOVE, resource=one, reason=reason)
        for one in reversed(list(unwanted))
        if one.key in found
        and found[one.key].owner == deployment
        and found[one.key].properties.get("Confirmed") is not False
    ]


def _change(resource: Resource, found: Found | None, *, deployment: str, adopt: frozenset[str]) -> Change | None:
    if found is None:
        return Change(action=Action.MAKE, resource=resource, reason=resource.why)
    adopts = found.owner != deployment and resource.name in adopt
    if found.owner != deployment and not adopts:
        return _foreign(resource, found)
    differences = differences_of(resource, found)
    if adopts:
        differences = (Difference(f"tag {TAG}", found.owner, deployment), *differences)
    if not differences:
        return None
    reason = "adopted, as --adopt says" if adopts else _reason(resource, differences)
    return Change(action=Action.CHANGE, resource=resource, reason=reason, differences=differences, adopts=adopts)


def _foreign(resource: Resource, found: Found) -> Change:
    whose = (
        f"belongs to the deployment {found.owner}" if found.owner else f"has no tag {TAG}, so Postern did not make it"
    )
    if resource.kind is Kind.IDENTITY:
        reason = f"{whose}; it is used as it is. --adopt {resource.name} lets this deployment manage it"
        return Change(action=Action.USE, resource=resource, reason=reason)
    reason = f"{whose}. Choose another --deployment, or take it over with --adopt {resource.name}"
    return Change(action=Action.REFUSE, resource=resource, reason=reason)


def _reason(resource: Resource, differences: tuple[Difference, ...]) -> str:
    if resource.kind is Kind.SUBSCRIPTION and [one.name for one in differences] == ["Confirmed"]:
        return "waits for the gateway to confirm it"
    return "somebody changed it, or it was made in part"


def differences_of(resource: Resource, found: Found) -> tuple[Difference, ...]:
    """The properties that are not as they should be."""
    return tuple(
        Difference(name, found.properties.get(name), wanted)
        for name, wanted in resource.properties.items()
        if not _agrees(name, wanted, found.properties.get(name), resource)
    )


def _agrees(name: str, wanted: Json, found: Json, resource: Resource) -> bool:
    if name == "Policy":
        return bool(canonical(wanted) == canonical(found))
    if name == "MailFromDomain":
        # Any subdomain serves: one that somebody chose, with its DNS records, stays.
        return isinstance(found, str) and found.endswith(f".{resource.name}")
    return _includes(found, wanted)


def _includes(found: Any, wanted: Any) -> bool:
    """Whether what was found says all that is wanted. AWS adds members of its own to the policies of deliveries."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(_includes(found.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return sorted(map(str, wanted)) == sorted(map(str, found))
    return found == wanted or (not isinstance(wanted, bool | type(None)) and str(found) == str(wanted))


def _in_words(value: Json) -> str:
    if value is None or value == "":
        return MISSING
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
