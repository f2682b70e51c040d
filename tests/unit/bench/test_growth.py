"""How the benchmarks of memory and growth compute trends, sizes, cases and goals."""

import io
import random
import time

import pytest

from bench.load.soak import Sample, events_in_batches
from bench.measure.disk_footprint import Bytes, grown, together
from bench.measure.drain_window import Drained, Moment, between
from bench.measure.resident_memory import Resident
from bench.measure.trend import trend
from bench.modes.growth import AXES, USUAL, goals, sizes
from bench.modes.history.pages import Opened
from bench.modes.history.pages import goals as pages_goals
from bench.modes.memory import goals as memory_goals


def test_growth_is_the_slope_of_a_figure() -> None:
    """The slope is per unit of time, and certain without noise."""
    rises = trend([(hour / 60, 1000 + 50 * hour / 60) for hour in range(120)])
    assert rises.slope == pytest.approx(50)
    assert rises.surely == pytest.approx(50)


def test_noise_is_no_growth() -> None:
    """A slope counts for nothing when its error is larger."""
    chance = random.Random(7)
    noisy = trend([(number / 360, 1000 + chance.gauss(0, 300)) for number in range(240)])
    assert noisy.slope != 0
    assert noisy.surely == 0


def test_a_figure_that_falls_does_not_grow() -> None:
    """Growth is never negative."""
    assert trend([(float(number), -float(number)) for number in range(30)]).surely == 0


def test_the_size_of_an_email_is_reported_by_table() -> None:
    """Rows and indexes are separate; a table that emails do not touch is left out."""
    before = {"emails": (1000, 100), "apps": (500, 50)}
    after = {"emails": (81_000, 2100), "apps": (500, 50)}
    found = grown(before, after, 10)
    assert found == [Bytes(table="emails", rows=8000, indexes=200)]
    assert together(found) == 8200


def test_each_axis_begins_where_nothing_is_varied() -> None:
    """So each axis has its baseline in the same run, and no case is measured twice."""
    for axis in AXES[:-1]:
        assert USUAL in sizes([axis], quick=False, full=True)
    every = sizes(AXES, quick=False, full=True)
    assert len(every) == len(set(every))
    assert max(size.listed for size in every) == 10_000_000
    assert max(size.behind for size in every) == 1_000_000


def test_growth_is_judged_against_the_baseline_of_its_round() -> None:
    """A case that was not measured has no goal."""
    usual, long = sizes(["queue"], quick=False, full=False)
    found = goals({usual: [_drained(1.0), _drained(2.0)], long: [_drained(1.1), _drained(2.2)]}, [])
    assert [one.measured for one in found] == [pytest.approx((1.1, 1.1))]
    assert goals({size: [_drained(1.0)] for size in sizes(["processes"], quick=False, full=False)}, []) == []
    assert [one.measured for one in goals({}, [_drained(1.0), _drained(9.0), _drained(1.2)])] == [pytest.approx((1.2,))]


def test_a_window_counts_only_the_work_within_it() -> None:
    """It gives emails per second and CPU per email."""
    one = between(Moment(10.0, 100, {"worker": 1.0}), Moment(12.0, 300, {"worker": 2.0}), kinds=("worker", "redis"))
    assert one == Drained(rate=100.0, cpu={"worker": 0.005, "redis": 0.0})


@pytest.mark.parametrize("minutes, judged", [(5, False), (30, True)])
def test_only_a_soak_that_is_long_enough_is_judged(minutes: int, judged: bool) -> None:
    """By the process that grows most; the size of the others does not count."""
    samples = [
        Sample(at=at, emails=1, processes=(_process(1, "worker", 9000), _process(2, "web", int(5000 + 2 * at))))
        for at in range(0, 60 * minutes + 1, 10)
    ]
    found = memory_goals([], samples)[1:]
    assert [one.median for one in found] == ([pytest.approx(7200, rel=0.01)] if judged else [])
    assert not any(one.met for one in found)


def test_a_soak_reports_new_calls_in_their_order() -> None:
    """Each once, a second after it was made; one in a hundred is a bounce; calls from before the soak are left out."""
    now = time.monotonic()
    journal = io.StringIO("".join(f"{now - 9:.6f} 1 old{number}@example.net\n" for number in range(99)))
    batches = events_in_batches(journal)
    assert next(batches) == []
    end = journal.tell()
    journal.write(f"{now - 5:.6f} 1 ann@example.net\n{now - 4:.6f} 1 bo@example.net\n{now + 60:.6f} 1 cy@example.net\n")
    journal.seek(end)
    batch = next(batches)
    assert [number for number, _ in batch] == ["100", "101"]
    assert ['"Bounce"' in event for _, event in batch] == [True, False]
    assert "0100000000000064-bench-000000" in batch[0][1]
    assert next(batches) == []


def _drained(cpu: float) -> Drained:
    return Drained(rate=1.0, cpu={"worker": cpu})


def _process(pid: int, role: str, rss: int) -> Resident:
    return Resident(pid=pid, role=role, main=False, rss=rss, pss=rss)


@pytest.mark.parametrize("openings, within_95", [(20, 19.0), (100, 95.0), (2, 2.0), (1, 1.0)])
def test_a_page_is_as_slow_as_95_of_a_hundred_openings(openings: int, within_95: float) -> None:
    """The nineteenth of twenty, so one slow opening of twenty does not count; of fewer it does."""
    opened = Opened(path="/console?a=1", status=200, milliseconds=tuple(float(one + 1) for one in range(openings)))
    assert (opened.page, opened.share(0.95)) == ("/console", within_95)


def test_the_slowest_page_counts() -> None:
    """By the slowest of its queries."""
    pages = [Opened(path=f"/console?n={ms}", status=200, milliseconds=(ms,)) for ms in (10.0, 160.0, 20.0)]
    assert [(goal.measured, goal.met) for goal in pages_goals(pages)] == [((160.0,), False)]
