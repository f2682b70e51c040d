"""Which times are observed, and how observations become counts: histograms as Prometheus has them.

A count only grows, so the counts of any number of processes are added up. Its key says what it counts:
`("ses_answer", "/0.5")` is how many calls took more than 0.25 s and at most 0.5 s, `("ses_answer", "/sum")` is how long
all of them took, in microseconds. Of a histogram with labels, the label comes before the slash.
https://prometheus.io/docs/concepts/metric_types/#histogram
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

ACCEPTED_CALLED: Final = "accepted_called"
CALLED_DELIVERED: Final = "called_delivered"
SES_ANSWER: Final = "ses_answer"
DATABASE: Final = "database_took"
REDIS: Final = "redis_took"
EVENT_TAKEN: Final = "event_taken"
ENDPOINT_ANSWER: Final = "endpoint_answer"

# A person notices seconds; queues and receiving servers take minutes, hours, or a day.
_WAITS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 7200.0, 21600.0, 86400.0)
_QUERIES: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_ANSWERS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BOUNDS: Final[Mapping[str, tuple[float, ...]]] = {
    ACCEPTED_CALLED: _WAITS,
    CALLED_DELIVERED: _WAITS,
    SES_ANSWER: _ANSWERS,
    DATABASE: _QUERIES,
    REDIS: _QUERIES,
    EVENT_TAKEN: _WAITS,
    ENDPOINT_ANSWER: _ANSWERS,
}
"""The histograms, and the upper bounds of their buckets in seconds. One more bucket has all that is above."""

_PARTS: Final = ("web", "worker", "smtp")
_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    ACCEPTED_CALLED: ("transactional", "bulk"),
    DATABASE: _PARTS,
    REDIS: _PARTS,
}

_SUM: Final = "sum"
_MICROSECONDS: Final = 1_000_000

Place = tuple[str, str, float]
"""Where an observation is counted: histogram, label, upper bound of its bucket."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How many observations are at most each bound, of which the last one is infinity, and their sum in seconds."""

    up_to: tuple[tuple[float, int], ...]
    seconds: float


def bound_of(histogram: str, seconds: float) -> float:
    """The upper bound of the bucket of this observation."""
    bounds = BOUNDS[histogram]
    place = bisect_left(bounds, seconds)
    return bounds[place] if place < len(bounds) else inf


def tally_of(counts: Mapping[Place, int], seconds: Mapping[tuple[str, str], float]) -> Counter[tuple[str, str]]:
    """Observations by their place, and the sums of each histogram and label, as counts to be added up."""
    tally = Counter({(histogram, f"{label}/{bound:g}"): number for (histogram, label, bound), number in counts.items()})
    for (histogram, label), together in seconds.items():
        tally[histogram, f"{label}/{_SUM}"] = round(_MICROSECONDS * together)
    return tally


def read(totals: Mapping[tuple[str, str], int], histogram: str) -> dict[str, Reading]:
    """A histogram by its label, from all counts. A bound of an earlier release counts in the next one that there is."""
    found = {label: Counter[str]() for label in _LABELS.get(histogram, ("",))}
    for (what, key), number in totals.items():
        if what == histogram:
            label, _, bound = key.rpartition("/")
            found.setdefault(label, Counter())[bound] += number
    return {label: _reading(counts, BOUNDS[histogram]) for label, counts in found.items()}


def _reading(counts: Mapping[str, int], bounds: Iterable[float]) -> Reading:
    numbers = {float(bound): number for bound, number in counts.items() if bound != _SUM}
    up_to = ((bound, sum(number for at, number in numbers.items() if at <= bound)) for bound in (*bounds, inf))
    return Reading(tuple(up_to), counts.get(_SUM, 0) / _MICROSECONDS)
