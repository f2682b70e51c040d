"""The bars of a budget: every line is on the bar, and the bar says in a word how far the budget is spent."""

import pytest

from app.domain.apps.budget import Budget, Level, Spent, Window, judge
from app.web.console.apps.budget_bars import WIDTH, bars_of, in_percent

BUDGET = Budget(minimum=100, warn_bounces=0.02, pause_bounces=0.04)


@pytest.mark.parametrize(
    "bounced, sent, level, word",
    [
        (0, 0, "unsure", "too few to judge"),
        (99, 99, "unsure", "too few to judge"),
        (1, 100, "good", "below the lines"),
        (2, 100, "unsure", "too few to judge"),
        (3, 100, "warn", "over the first line"),
        (4, 100, "bad", "over the second line"),
        (100, 100, "bad", "over the second line"),
    ],
)
def test_a_bar_says_which_line_is_crossed(bounced: int, sent: int, level: str, word: str) -> None:
    """A line is crossed where its share is reached. What is too few for the budget is too few for the bar."""
    spent = Spent(sent=sent, hard_bounced=bounced)
    bounces, complaints = bars_of(BUDGET, {Window.DAY: spent})
    assert (level in {"warn", "bad"}) == (judge(BUDGET, {Window.DAY: spent}).level > Level.FINE)
    assert (bounces.level, bounces.word, bounces.number, bounces.sent) == (level, word, bounced, sent)
    assert complaints.length == 0


@pytest.mark.parametrize("bounced", [0, 1, 5, 50, 100])
def test_the_bar_and_all_lines_are_in_the_picture(bounced: int) -> None:
    """Also where much more has bounced than any line allows; the lines are in their order."""
    bar, _ = bars_of(BUDGET, {Window.DAY: Spent(sent=100, hard_bounced=bounced)})
    assert 0 <= bar.length < WIDTH
    places = [line.at for line in bar.lines]
    assert [line.kind for line in bar.lines] == ["warns", "pauses", "aws"]
    assert places == sorted(places)
    assert all(0 < place < WIDTH for place in places)
    assert bar.length == pytest.approx(bounced / 5 * places[-1], abs=0.1)


def test_a_form_gets_the_lines_in_percent() -> None:
    """Without the digits that a computer adds: 0.07 %, not 0.07000000000000001."""
    lines = in_percent(Budget(warn_complaints=0.0007, pause_complaints=0.00125))
    assert (lines["warn_bounces"], lines["warn_complaints"], lines["pause_complaints"]) == ("2", "0.07", "0.125")
