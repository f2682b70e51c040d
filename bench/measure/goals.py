"""A goal: a bound for a ratio against a baseline of the same run, the measured ratios, and whether they meet it."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`measured` is one ratio per run; their median decides."""

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
        """Return whether the median meets the goal."""
        return self.median <= self.goal if self.at_most else self.median >= self.goal

    def as_json(self) -> Json:
        """Return the goal as JSON, with the median and the spread of the runs."""
        return {
            "name": self.name,
            "goal": f"{'<=' if self.at_most else '>='} {self.goal:g}",
            "measured": round(self.median, 4),
            "spread": [round(min(self.measured), 4), round(max(self.measured), 4)],
            "runs": len(self.measured),
            "met": self.met,
        }


def at_least(name: str, goal: float, measured: Sequence[float]) -> Goal:
    """Return a goal that is met when the median is not below it."""
    return Goal(name=name, goal=goal, at_most=False, measured=tuple(measured))


def at_most(name: str, goal: float, measured: Sequence[float]) -> Goal:
    """Return a goal that is met when the median is not above it."""
    return Goal(name=name, goal=goal, at_most=True, measured=tuple(measured))


def spread(values: Sequence[float]) -> str:
    """Return the median, minimum and maximum as text."""
    digits = 0 if statistics.median(values) >= 20 else 2
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def goal_lines(goals: Sequence[Json]) -> list[str]:
    """Return a table of goals, given as JSON."""
    width = max((len(goal["name"]) for goal in goals), default=0)
    return [
        f"{'met ' if goal['met'] else 'MISS'}  {goal['name']:{width}}  {goal['goal']:>9}  {goal['measured']:.3g}"
        f"  ({goal['spread'][0]:.3g} to {goal['spread'][1]:.3g}, {goal['runs']} runs)"
        for goal in goals
    ]
