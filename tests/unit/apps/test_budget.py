"""A budget is judged by shares of enough recipients, with a warning before the pause, and both before AWS's lines."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.apps.budget import OF_AWS, Budget, Level, Spent, Window, judge, percent

BUDGET = Budget()


def level(**spent: int) -> Level:
    """How far the budget is spent by this alone."""
    return judge(BUDGET, {Window.DAY: Spent(**spent)}).level


@pytest.mark.parametrize(
    "spent, expected",
    [
        ({}, Level.FINE),
        ({"sent": 99, "hard_bounced": 99, "complained": 99}, Level.FINE),
        ({"sent": 100, "hard_bounced": 1}, Level.FINE),
        ({"sent": 100, "hard_bounced": 2}, Level.FINE),
        ({"sent": 100, "hard_bounced": 3}, Level.WARNS),
        ({"sent": 100, "hard_bounced": 4}, Level.PAUSES),
        ({"sent": 1000, "hard_bounced": 19}, Level.FINE),
        ({"sent": 1000, "hard_bounced": 20}, Level.WARNS),
        ({"sent": 1000, "hard_bounced": 39}, Level.WARNS),
        ({"sent": 1000, "hard_bounced": 40}, Level.PAUSES),
        ({"sent": 100, "complained": 2}, Level.FINE),
        ({"sent": 5000, "complained": 3}, Level.WARNS),
        ({"sent": 3000, "complained": 3}, Level.PAUSES),
        ({"sent": 100_000, "complained": 49}, Level.FINE),
        ({"sent": 100_000, "complained": 50}, Level.WARNS),
        ({"sent": 100_000, "complained": 80}, Level.PAUSES),
    ],
)
def test_the_lines_are_shares_of_enough_recipients(spent: dict[str, int], expected: Level) -> None:
    """Never of fewer than the minimum, and never for one or two bounces or complaints."""
    assert level(**spent) == expected


def test_the_worst_window_decides_and_is_named() -> None:
    """The sentence has the numbers, so that an operator needs no other page."""
    windows = {
        Window.DAY: Spent(sent=200, hard_bounced=5),
        Window.WEEK: Spent(sent=900, hard_bounced=45),
    }
    judged = judge(BUDGET, windows)
    assert judged.level is Level.PAUSES
    assert judged.why == "45 of 900 recipients bounced for good in the last 7 days: 5 %, and the line is 4 %."


@given(sent=st.integers(0, 10_000), bounced=st.integers(0, 200), complained=st.integers(0, 50), more=st.integers(1, 50))
def test_more_bounces_are_never_better(sent: int, bounced: int, complained: int, more: int) -> None:
    """And more recipients that are delivered to are never worse, once there are enough."""
    spent = {"sent": sent, "hard_bounced": bounced, "complained": complained}
    assert level(**{**spent, "hard_bounced": bounced + more}) >= level(**spent)
    if sent >= BUDGET.minimum:
        assert level(**{**spent, "sent": sent + more}) <= level(**spent)


def test_the_lines_of_an_application_come_before_those_of_aws() -> None:
    """AWS reviews an account at 5 % and 0.1 %; the warning for the account comes before that too."""
    aws = {"bounces": 0.05, "complaints": 0.001}
    for what, line in aws.items():
        ours = [getattr(budget, f"{does}_{what}") for budget in (BUDGET, OF_AWS) for does in ("warn", "pause")]
        assert ours[0] < ours[1] < line
        assert ours[2] < ours[3] == line
    assert {field.name for field in fields(Budget)} > {f"pause_{what}" for what in aws}


@pytest.mark.parametrize(
    "share, text",
    [
        (0.02, "2 %"),
        (0.0005, "0.05 %"),
        (1.0, "100 %"),
        (0.0479, "4.79 %"),
        (0.07, "7 %"),
        (0.000025, "0.0025 %"),
        (0.000001, "0.0001 %"),
        (0, "0 %"),
    ],
)
def test_a_share_is_written_as_people_read_it(share: float, text: str) -> None:
    """Without zeros that say nothing, and a small share is not 0."""
    assert percent(share) == text
