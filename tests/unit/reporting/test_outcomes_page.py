"""`docs/outcomes.md` has every outcome, word by word."""

from pathlib import Path
from typing import Final

from app.domain.reporting.outcomes import FATES, OutcomeKind, outcome_of

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "outcomes.md"


def table() -> list[str]:
    """Return the lines of the table: each outcome once, by kind and in the order of the states."""
    kinds = list(OutcomeKind)
    told = sorted(dict.fromkeys(map(outcome_of, FATES)), key=lambda outcome: kinds.index(outcome.kind))
    return [
        f"| `{one.kind}` | {f'`{one.cause}`' if one.cause else ''} | {one.sentence} | {one.next_step} | "
        f"`{one.who_can_act}` |"
        for one in told
    ]


def test_the_page_has_every_outcome() -> None:
    """Its table is what `outcome_of` tells, with nothing else in it."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("| `") and line.count("|") == 6] == table()
