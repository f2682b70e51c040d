"""Histograms: whatever is observed, in however many processes, is counted once and in its bucket."""

import threading
from collections import Counter
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.operating.histograms import ACCEPTED_CALLED, BOUNDS, SES_ANSWER, read
from app.services.timings import Timings

SECONDS = st.floats(min_value=0, max_value=1e6) | st.sampled_from(sorted({at for of in BOUNDS.values() for at in of}))
OBSERVED = st.lists(st.tuples(st.sampled_from(["transactional", "bulk"]), SECONDS, st.booleans()))


@given(observed=OBSERVED)
def test_no_observation_is_lost_and_each_is_in_its_bucket(observed: list[tuple[str, float, bool]]) -> None:
    """However often they are written in between: the counts add up."""
    timings, totals = Timings(), Counter[tuple[str, str]]()
    for lane, seconds, is_written in observed:
        timings.observe(ACCEPTED_CALLED, seconds, lane)
        if is_written:
            totals.update(timings.take())
    totals.update(timings.take())
    for lane, reading in read(totals, ACCEPTED_CALLED).items():
        of_lane = [seconds for one, seconds, _ in observed if one == lane]
        assert reading.up_to == tuple(
            (bound, sum(seconds <= bound for seconds in of_lane)) for bound in (*BOUNDS[ACCEPTED_CALLED], inf)
        )
        assert reading.seconds == pytest.approx(sum(of_lane), abs=1e-6 * (1 + len(of_lane)))


def test_what_was_taken_is_not_taken_again() -> None:
    """A restart or a second write adds nothing twice."""
    timings = Timings()
    timings.observe(SES_ANSWER, 0.1)
    assert timings.take() == {("ses_answer", "/0.1"): 1, ("ses_answer", "/sum"): 100_000}
    assert timings.take() == {}


def test_threads_lose_no_observation() -> None:
    """Many observe while one takes."""
    timings, totals = Timings(), Counter[tuple[str, str]]()

    def observe() -> None:
        for _ in range(2000):
            timings.observe(SES_ANSWER, 0.3)

    threads = [threading.Thread(target=observe) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        totals.update(timings.take())
    totals.update(timings.take())
    assert read(totals, SES_ANSWER)[""].up_to[-1] == (inf, 8000)


def test_less_than_nothing_is_nothing() -> None:
    """The clocks of two hosts differ, and a sum must never go back."""
    timings = Timings()
    timings.observe(SES_ANSWER, -3.0)
    assert read(timings.take(), SES_ANSWER)[""].seconds == 0
    timings.observe(SES_ANSWER, -3.0)
    assert read(timings.take(), SES_ANSWER)[""].up_to[0][1] == 1


def test_a_bound_of_an_earlier_release_counts_in_the_next_one() -> None:
    """No count goes back when bounds change."""
    reading = read({("ses_answer", "/0.07"): 2, ("ses_answer", "/0.1"): 1, ("sent", ""): 5}, SES_ANSWER)[""]
    assert dict(reading.up_to)[0.05] == 0
    assert dict(reading.up_to)[0.1] == 3


@pytest.mark.parametrize("histogram, bounds", BOUNDS.items())
def test_bounds_grow_and_survive_in_a_key(histogram: str, bounds: tuple[float, ...]) -> None:
    """A bound is a part of a label, as text."""
    assert all(low < high for low, high in pairwise(bounds))
    assert all(float(f"{bound:g}") == bound for bound in bounds)
    assert len(histogram) <= 16
