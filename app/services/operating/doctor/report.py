"""The last look at the gateway and its AWS account: made on request, kept, and shown to others until the next one.

A look takes seconds and makes some dozens of calls to AWS, which change nothing. Only one is made at a time.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.aws.setup.checks.everything import AwsChecks, Wanted
from app.domain.account.findings import Finding, Group, Status, overall
from app.domain.account.setup.plan import Action, Change, Plan
from app.domain.account.setup.trouble import SetupStopped
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import Conflict
from app.services.operating.doctor.here import LookHere
from app.store.engine.database import Database, clock
from app.store.engine.ids import new_id
from app.store.operating import job_cursors

__all__ = ["Action", "Finding", "Group", "LastReport", "MakeReport", "PlannedChange", "Report", "Status"]

Json = dict[str, Any]
_ROW: Final = "doctor"
_LEASE: Final = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One line of the plan of the set-up: what would be done with which resource, and why."""

    action: Action
    kind: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found at that time, and what the account lacks. `no_plan` says why that could not be found out."""

    at: datetime
    findings: tuple[Finding, ...]
    plan: tuple[PlannedChange, ...]
    no_plan: str

    @property
    def is_well(self) -> bool | None:
        """False when something must be fixed; None when something could not be looked at."""
        return overall(self.findings)

    def to_json(self) -> Json:
        """As it is stored."""
        return {
            "at": self.at.isoformat(),
            "findings": [asdict(one) for one in self.findings],
            "plan": [asdict(one) for one in self.plan],
            "no_plan": self.no_plan,
        }

    @classmethod
    def from_json(cls, stored: Json) -> "Report":
        """As it was stored."""
        return cls(
            at=datetime.fromisoformat(stored["at"]),
            findings=tuple(
                Finding(Group(one["group"]), one["name"], Status(one["status"]), one["found"], one["fix"])
                for one in stored["findings"]
            ),
            plan=tuple(
                PlannedChange(Action(one["action"]), one["kind"], one["name"], one["reason"]) for one in stored["plan"]
            ),
            no_plan=stored["no_plan"],
        )


class LastReport:
    """Reads the last one. It is for admins."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def __call__(self, caller: Caller) -> Report | None:
        """The last one; None if none was made yet."""
        caller.require(Scope.ADMIN)
        with self._database.reading() as connection:
            stored = job_cursors.read(connection, _ROW)
        return Report.from_json(stored) if "at" in stored else None


class MakeReport:
    """Looks at everything and keeps what was found. It is for admins."""

    def __init__(
        self,
        *,
        database: Database,
        look_here: LookHere,
        aws: AwsChecks,
        wanted: Callable[[tuple[str, ...] | None], Wanted],
        plan: Callable[[], Plan],
        misspelt: Mapping[str, str],
    ) -> None:
        """`wanted` is what the account has to have for these senders; `plan` asks AWS for that of the set-up.

        `misspelt` are names that look like settings, each with the setting that it resembles.
        """
        self._database = database
        self._look_here = look_here
        self._aws = aws
        self._wanted = wanted
        self._plan = plan
        self._misspelt = misspelt

    def __call__(self, caller: Caller) -> Report:
        """Make one. Raises `Conflict` while another one is made, and `ServiceUnavailable`."""
        caller.require(Scope.ADMIN)
        with self._alone() as holder:
            found = [*self._look_here(misspelt=self._misspelt), *self._aws(self._wanted(self._look_here.senders()))]
            plan, no_plan = self._planned()
            with self._database.transaction() as connection:
                report = Report(at=clock(connection), findings=tuple(found), plan=plan, no_plan=no_plan)
                job_cursors.keep(connection, _ROW, report.to_json(), holder=holder, lease=_LEASE)
        return report

    def _planned(self) -> tuple[tuple[PlannedChange, ...], str]:
        try:
            plan = self._plan()
        except SetupStopped as stopped:
            return (), str(stopped)
        return tuple(_line(one) for one in plan.changes if one.action is not Action.USE), ""

    @contextmanager
    def _alone(self) -> Iterator[UUID]:
        holder = new_id()
        with self._database.transaction() as connection:
            if job_cursors.take(connection, _ROW, holder=holder, lease=_LEASE) is None:
                raise Conflict("Somebody has just asked for the same. Open the page again in a minute.")
        try:
            yield holder
        finally:
            with self._database.transaction() as connection:
                job_cursors.free(connection, _ROW, holder=holder)


def _line(change: Change) -> PlannedChange:
    why = "; ".join((change.reason, *map(str, change.differences)))
    return PlannedChange(change.action, str(change.resource.kind), change.resource.name, why)
