"""What came by each door of a drill: did it lose answers, and did the door recognise what came again?"""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.chaos.load.emails import DoorName
from tests.chaos.verdict.evidence import Evidence
from tests.chaos.verdict.oracle import Promise, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AtDoor:
    """How many emails came by one door.

    `cut_off`: a client lost the answer after the whole email, and offered it again. `recognised`: the door said then
    that it had it. `submitted_twice` breaks a promise.
    """

    accepted: int
    cut_off: int
    recognised: int
    submitted_twice: int


def by_door(evidence: Evidence, verdict: Verdict) -> Mapping[DoorName, AtDoor]:
    """The counts of every door."""
    twice = {finding.subject for finding in verdict.findings if finding.promise is Promise.SUBMITTED_TWICE}
    counts = {}
    for door in DoorName:
        offered = {key for key, taken in evidence.offered.items() if taken is door}
        counts[door] = AtDoor(
            accepted=len(offered & evidence.answers.keys()),
            cut_off=len(offered & evidence.cut_off),
            recognised=len(offered & evidence.recognised),
            submitted_twice=len(offered & twice),
        )
    return counts
