"""Which fault strikes when: what every drill can be relied on to contain."""

from itertools import pairwise

import pytest

from tests.chaos.drill import DatabaseKind, Drill
from tests.chaos.plan import Kind, Target, faults

SEEDS = range(40)


def drill(seed: int, *, seconds: float = 300, **more: object) -> Drill:
    return Drill(seed=seed, seconds=seconds, **more)  # type: ignore[arg-type]


def test_a_seed_is_a_plan() -> None:
    """The same seed strikes the same blows at the same times; another one does not."""
    assert faults(drill(1)) == faults(drill(1))
    assert faults(drill(1)) != faults(drill(2))


@pytest.mark.parametrize("database", DatabaseKind)
def test_five_minutes_hold_ninety_faults(database: DatabaseKind) -> None:
    """Whatever the seed, and on either database."""
    assert min(len(faults(drill(seed, database=database))) for seed in SEEDS) >= 90


def test_every_long_drill_kills_everything() -> None:
    """Processes, database and Redis are struck in each; whoever is frozen outlives its lease."""
    for seed in SEEDS:
        planned = faults(drill(seed))
        struck = {(fault.blow.target, fault.blow.kind) for fault in planned}
        killed = {Target.WEB, Target.WORKER, Target.BEAT, Target.REDIS, Target.DATABASE}
        assert {(target, Kind.KILL) for target in killed} <= struck
        frozen = [fault.lasts for fault in planned if fault.blow.past_the_lease]
        assert frozen
        assert min(frozen) > drill(seed).lease_s


@pytest.mark.parametrize("seconds", [20, 45, 300])
def test_the_last_fault_is_over_before_the_drill_is(seconds: float) -> None:
    """So that the time to drain is counted from a whole gateway."""
    for seed in SEEDS:
        assert all(fault.at > 0 and fault.ends <= seconds for fault in faults(drill(seed, seconds=seconds)))


def test_no_target_is_struck_twice_at_once() -> None:
    """One fault ends before the next one of its target begins, but for frozen workers, of which there are several."""
    for seed in SEEDS:
        for target in Target:
            alone = [fault for fault in faults(drill(seed)) if fault.blow.target is target]
            following = pairwise(alone)
            assert all(one.ends < other.at for one, other in following if not one.blow.past_the_lease)


def test_a_database_without_a_server_is_not_struck() -> None:
    """SQLite has no process that could be killed, and events are lost only where that was asked for."""
    for seed in SEEDS:
        names = {fault.blow.name for fault in faults(drill(seed, database=DatabaseKind.SQLITE))}
        assert not any(name.startswith("database:") or name == "events:lost" for name in names)
    assert any("events:lost" in {fault.blow.name for fault in faults(drill(seed, lossy=True))} for seed in SEEDS)
