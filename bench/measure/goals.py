"""A goal: a ratio against a baseline of the same run, what was measured of it, and whether it is met."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`measured` is one ratio for each run; their median is what counts."""

    name: str
    goal: float
    at_most: bool
    measured: tuple[float, ...]

    @property
    def median(self) -> float:
        """What counts."""
        return statistics.median(self.measured)

    @property
    def met(self) -> bool:
        """Whether the median reaches the goal."""
        return self.median <= self.goal if self.at_most else self.median >= self.goal

    def told(self) -> Json:
        """The goal as JSON: the median, and the spread of the runs beside it."""
        return {
            "name": self.name,
            "goal": f"{'<=' if self.at_most else '>='} {self.goal:g}",
            "measured": round(self.median, 4),
            "spread": [round(min(self.measured), 4), round(max(self.measured), 4)],
            "runs": len(self.measured),
            "met": self.met,
        }


def at_least(name: str, goal: float, measured: Sequence[float]) -> Goal:
    """A goal that is met by as much or more."""
    return Goal(name=name, goal=goal, at_most=False, measured=tuple(measured))


def at_most(name: str, goal: float, measured: Sequence[float]) -> Goal:
    """A goal that is met by as much or less."""
    return Goal(name=name, goal=goal, at_most=True, measured=tuple(measured))


def spread(values: Sequence[float]) -> str:
    """A median, and the least and the most."""
    digits = 0 if statistics.median(values) >= 20 else 2
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def goal_lines(goals: Sequence[Json]) -> list[str]:
    """A table of told goals."""
    width = max((len(goal["name"]) for goal in goals), default=0)
    return [
        f"{'met ' if goal['met'] else 'MISS'}  {goal['name']:{width}}  {goal['goal']:>9}  {goal['measured']:.3g}"
        f"  ({goal['spread'][0]:.3g} to {goal['spread'][1]:.3g}, {goal['runs']} runs)"
        for goal in goals
    ]
