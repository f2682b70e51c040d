"""The plan of faults: the faults that every drill contains."""

from itertools import pairwise

import pytest

from tests.chaos.drill import DatabaseKind, Drill
from tests.chaos.faults.plan import OUTAGE_S, Kind, Target, faults

SEEDS = range(40)


def drill(seed: int, *, seconds: float = 300, **more: object) -> Drill:
    return Drill(seed=seed, seconds=seconds, **more)  # type: ignore[arg-type]


def test_a_seed_is_a_plan() -> None:
    """The same seed gives the same faults at the same times; another one does not."""
    assert faults(drill(1)) == faults(drill(1))
    assert faults(drill(1)) != faults(drill(2))


@pytest.mark.parametrize("database", DatabaseKind)
def test_five_minutes_hold_ninety_faults(database: DatabaseKind) -> None:
    """Whatever the seed, and on either database."""
    assert min(len(faults(drill(seed, database=database))) for seed in SEEDS) >= 90


def test_every_long_drill_kills_everything() -> None:
    """Processes, database and Redis are hit in each, and the SMTP door in the middle of messages.

    A frozen process outlives its lease.
    """
    for seed in SEEDS:
        planned = faults(drill(seed))
        struck = {(fault.blow.target, fault.blow.kind) for fault in planned}
        killed = {Target.WEB, Target.SMTP, Target.WORKER, Target.BEAT, Target.REDIS, Target.DATABASE}
        assert {(target, Kind.KILL) for target in killed} | {(Target.SMTP, Kind.KILL_BUSY)} <= struck
        frozen = [fault.lasts for fault in planned if fault.blow.past_the_lease]
        assert frozen
        assert min(frozen) > drill(seed).lease_s


def test_every_long_drill_has_an_outage_that_outlasts_all_attempts() -> None:
    """SES is away for longer than all attempts of an email take, and this ends no email."""
    for seed in SEEDS:
        outages = [fault.lasts for fault in faults(drill(seed)) if fault.blow.name == "ses:gone"]
        assert outages
        assert min(outages) >= OUTAGE_S[0]


def test_every_long_drill_rotates_the_keys() -> None:
    """In two phases at least once, and each time with enough time for the whole rotation."""
    for seed in SEEDS:
        rotations = [fault for fault in faults(drill(seed)) if fault.blow.target is Target.KEYS]
        assert Kind.ROTATE in {fault.blow.kind for fault in rotations}
        assert all(fault.lasts >= fault.blow.lasts[0] for fault in rotations)


@pytest.mark.parametrize("seconds", [20, 45, 300])
def test_the_last_fault_is_over_before_the_drill_is(seconds: float) -> None:
    """So the time to drain is counted from a working gateway."""
    for seed in SEEDS:
        assert all(fault.at > 0 and fault.ends <= seconds for fault in faults(drill(seed, seconds=seconds)))


def test_no_target_is_struck_twice_at_once() -> None:
    """One fault ends before the next one of its target begins, except frozen workers, of which there are several."""
    for seed in SEEDS:
        for target in Target:
            alone = [fault for fault in faults(drill(seed)) if fault.blow.target is target]
            following = pairwise(alone)
            assert all(one.ends < other.at for one, other in following if not one.blow.past_the_lease)


def test_a_database_without_a_server_is_not_struck() -> None:
    """SQLite has no process to kill, and events are lost only in a lossy drill."""
    for seed in SEEDS:
        names = {fault.blow.name for fault in faults(drill(seed, database=DatabaseKind.SQLITE))}
        assert not any(name.startswith("database:") or name == "events:lost" for name in names)
    assert any("events:lost" in {fault.blow.name for fault in faults(drill(seed, lossy=True))} for seed in SEEDS)
