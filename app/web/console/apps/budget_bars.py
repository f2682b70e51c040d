"""The budget of an application as bars: what was spent in each window, and the lines that it must not cross."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from app.domain.apps.budget import IN_WORDS, LEAST, OF_AWS, Budget, Spent, Window, percent

WIDTH: Final = 100
_ROOM: Final = 1.15
"""How much longer a bar may be than the last line, so that the line is seen."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `warns`, `pauses` or `aws`, and where it is, of `WIDTH`."""

    kind: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One share of one window. `level` is `good`, `warn` or `bad`; `length` and lines are of `WIDTH`."""

    what: str
    window: str
    number: int
    sent: int
    share: str
    level: str
    word: str
    length: float
    warns: str
    pauses: str
    aws: str
    lines: tuple[Line, ...]


def bars_of(budget: Budget, windows: Mapping[Window, Spent]) -> tuple[Bar, ...]:
    """The bars of bounces and complaints in each window."""
    return tuple(bar for window, spent in windows.items() for bar in _bars(budget, window, spent))


def _bars(budget: Budget, window: Window, spent: Spent) -> Iterator[Bar]:
    for what, number, warns, pauses, of_aws in (
        ("Bounced for good", spent.hard_bounced, budget.warn_bounces, budget.pause_bounces, OF_AWS.pause_bounces),
        ("Complained", spent.complained, budget.warn_complaints, budget.pause_complaints, OF_AWS.pause_complaints),
    ):
        share = number / spent.sent if spent.sent else 0.0
        scale = WIDTH / (_ROOM * max(share, pauses, of_aws))
        level, word = _level(
            share, warns, pauses, is_judged=spent.sent >= budget.minimum and (number >= LEAST or share < warns)
        )
        lines = (("warns", warns), ("pauses", pauses), ("aws", of_aws))
        yield Bar(
            what=what,
            window=IN_WORDS[window],
            number=number,
            sent=spent.sent,
            share=percent(share),
            level=level,
            word=word,
            length=round(share * scale, 2),
            warns=percent(warns),
            pauses=percent(pauses),
            aws=percent(of_aws),
            lines=tuple(Line(kind, round(at * scale, 2)) for kind, at in lines),
        )


def in_percent(budget: Budget) -> dict[str, str]:
    """The lines as a form takes them, by the field of `Budget`."""
    return {name: f"{100 * value:.4g}" for name, value in asdict(budget).items() if isinstance(value, float)}


def _level(share: float, warns: float, pauses: float, *, is_judged: bool) -> tuple[str, str]:
    if not is_judged:
        return "unsure", "too few to judge"
    if share >= pauses:
        return "bad", "over the second line"
    if share >= warns:
        return "warn", "over the first line"
    return "good", "below the lines"
