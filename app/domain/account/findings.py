"""What a check of the gateway or of its AWS account found, and how to mend it. It decides what counts as well."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """What a check is about."""

    HERE = "here"
    ACCOUNT = "account"
    PERMISSIONS = "permissions"
    IDENTITY = "identity"
    EVENTS = "events"
    QUEUES = "queues"
    LIVE = "live"


class Status(StrEnum):
    """The result of a check.

    `warning`: it works, and could be better. `unknown`: it could not be looked at. `skipped`: there is nothing to look
    at, for a reason that is no fault.
    """

    WELL = "well"
    WARNING = "warning"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what was `found`, in a few words, and what to do about it (`fix`)."""

    group: Group
    name: str
    status: Status
    found: str = ""
    fix: str = ""

    @property
    def ok(self) -> bool | None:
        """True when it works, False when something must be fixed, None when that was not found out."""
        if self.status in {Status.UNKNOWN, Status.SKIPPED}:
            return None
        return self.status is not Status.WRONG


def well(group: Group, name: str, found: str = "") -> Finding:
    """A check that passed."""
    return Finding(group, name, Status.WELL, found)


def judged(group: Group, name: str, *, ok: bool, found: str, fix: str) -> Finding:
    """A check that passed or failed; `fix` is for when it failed."""
    return well(group, name, found) if ok else wrong(group, name, found, fix)


def warning(group: Group, name: str, found: str, fix: str) -> Finding:
    """A check that passed, with advice."""
    return Finding(group, name, Status.WARNING, found, fix)


def wrong(group: Group, name: str, found: str, fix: str) -> Finding:
    """A check that failed."""
    return Finding(group, name, Status.WRONG, found, fix)


def unknown(group: Group, name: str, found: str, fix: str = "") -> Finding:
    """A check that could not be made."""
    return Finding(group, name, Status.UNKNOWN, found, fix)


def skipped(group: Group, name: str, why: str) -> Finding:
    """A check for which there is nothing to look at."""
    return Finding(group, name, Status.SKIPPED, why)


def overall(findings: Iterable[Finding]) -> bool | None:
    """False when something must be fixed; None when nothing must, but something could not be looked at; else True."""
    statuses = {one.status for one in findings}
    if Status.WRONG in statuses:
        return False
    return None if Status.UNKNOWN in statuses else True
