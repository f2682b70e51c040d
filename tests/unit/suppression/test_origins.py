"""The rules for each origin of an entry, as in `docs/suppression.md`, and which of two entries wins."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.account.list_comparison import REASON_OF
from app.domain.suppression.rules import STRENGTH, TERMS, Change, Origin, takes_the_place_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "suppression.md"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def table() -> dict[str, list[str]]:
    """Return the cells of each origin's row in the documentation."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## What an entry says\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells if row[0].strip("`") in set(Origin)}


def test_the_table_of_origins_matches_the_code() -> None:
    """Every origin has a row with scope, end, force, SES's list and strength."""
    documented = table()
    assert set(documented) == set(Origin) == set(TERMS) == set(STRENGTH)
    for origin in Origin:
        _, scope, ends, lifts, at_ses, strength = documented[origin]
        terms = TERMS[origin]
        assert ("stream" in scope) is terms.in_stream
        assert (ends == "never") is not terms.may_expire
        assert ("`force`" in lifts) is terms.forced
        reasons = [REASON_OF[origin]] if origin in REASON_OF else []
        assert [reason for reason in ("BOUNCE", "COMPLAINT") if f"`{reason}`" in at_ses] == reasons
        assert int(strength) == STRENGTH[origin]


def test_every_kind_of_change_is_documented() -> None:
    """The documentation has every type of `suppression_events`."""
    page = PAGE.read_text(encoding="utf-8")
    assert [change for change in Change if f"`{change}`" not in page] == []


@dataclass(frozen=True)
class Placed:
    """The parts of an entry that decide which of two wins."""

    origin: str
    expires_at: datetime | None


entries = st.builds(
    Placed,
    origin=st.sampled_from(list(Origin)),
    expires_at=st.none() | st.integers(1, 3).map(lambda days: EPOCH + timedelta(days=days)),
)


@given(drawn=st.lists(entries, min_size=1, max_size=4))
def test_the_same_entry_wins_in_any_order(drawn: list[Placed]) -> None:
    """The one that lasts longest wins, and among those the strongest."""
    stands = set()
    for order in permutations(drawn):
        live = order[0]
        for new in order[1:]:
            live = new if takes_the_place_of(new, live) else live
        stands.add(live)
    assert len(stands) == 1


@pytest.mark.parametrize(
    "new, old, replaces",
    [
        ((Origin.COMPLAINT, None), (Origin.BOUNCE, None), True),
        ((Origin.BOUNCE, None), (Origin.COMPLAINT, None), False),
        ((Origin.BOUNCE, None), (Origin.BOUNCE, None), False),
        ((Origin.MANUAL, None), (Origin.BOUNCE, EPOCH), True),
        ((Origin.BOUNCE, EPOCH), (Origin.MANUAL, None), False),
        ((Origin.ERASURE, None), (Origin.COMPLAINT, None), True),
    ],
)
def test_which_of_two_entries_wins(
    new: tuple[str, datetime | None], old: tuple[str, datetime | None], replaces: bool
) -> None:
    """A complaint replaces a bounce and never the other way round; a permanent entry replaces a temporary one."""
    assert takes_the_place_of(Placed(*new), Placed(*old)) is replaces
