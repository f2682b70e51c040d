"""Whether a figure grows: the slope of a line through its samples, and how sure that slope is.

Memory moves in steps: an allocator takes 256 kB or a megabyte and then nothing for long. So samples that follow each
other are no independent evidence. They are put together in a few blocks, each block counts with its median, and what
the line through these leaves unexplained is the noise.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_BLOCKS: Final = 12
_SURE: Final = 2.0
"""Standard errors that a slope must stand above nothing to be believed: about one in forty without growth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A slope, per unit of time, and its standard error."""

    slope: float
    error: float

    @property
    def surely(self) -> float:
        """The growth that is beyond noise; 0 when there is none."""
        return max(0.0, self.slope - _SURE * self.error)


def trend(samples: Sequence[tuple[float, float]]) -> Trend:
    """The trend of samples (time, figure), oldest first, at least three."""
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
