"""Whether a figure grows: the slope of a line through its samples, and the standard error of that slope.

Memory grows in steps: an allocator takes 256 kB or a megabyte, and then nothing for a long time. So successive
samples are not independent. They are grouped into a few blocks, each block counts with its median, and the residuals
of the line through these medians are the noise.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_BLOCKS: Final = 12
_SURE: Final = 2.0
"""A slope counts as growth above this many standard errors: without growth, about one in forty exceeds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A slope per unit of time, and its standard error."""

    slope: float
    error: float

    @property
    def surely(self) -> float:
        """Return the growth that exceeds the noise; 0 when there is none."""
        return max(0.0, self.slope - _SURE * self.error)


def trend(samples: Sequence[tuple[float, float]]) -> Trend:
    """Return the trend of samples (time, figure), oldest first, at least three."""
    blocks = _blocks(samples)
    times, figures = [time for time, _ in blocks], [figure for _, figure in blocks]
    slope, base = statistics.linear_regression(times, figures)
    left = sum((figure - base - slope * time) ** 2 for time, figure in blocks)
    middle = statistics.fmean(times)
    error = (left / (len(blocks) - 2) / sum((time - middle) ** 2 for time in times)) ** 0.5
    return Trend(slope=slope, error=error)


def _blocks(samples: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    count = min(_BLOCKS, len(samples))
    edges = [len(samples) * number // count for number in range(count + 1)]
    parts = [samples[since:until] for since, until in pairwise(edges)]
    return [(statistics.fmean(at for at, _ in part), statistics.median(figure for _, figure in part)) for part in parts]
