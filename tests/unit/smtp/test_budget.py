"""The budget of the SMTP door: one owner alone gets most of it, and never all."""

from hypothesis import given
from hypothesis import strategies as st

from app.smtp.protocol.budget import Budget


def most_of(budget: Budget, owner: str) -> int:
    """How many single units the owner gets now."""
    taken = 0
    while budget.take(owner, 1):
        taken += 1
    return taken


def test_each_newcomer_finds_some() -> None:
    """Alone an owner gets four fifths; the next one four fifths of what is left, and so on."""
    budget = Budget(1000)
    assert [most_of(budget, owner) for owner in ("first", "second", "third")] == [800, 160, 32]
    assert budget.taken == 992


def test_what_is_given_back_can_be_taken_again() -> None:
    """By others as well."""
    budget = Budget(1000)
    assert budget.take("first", 800)
    assert not budget.take("first", 1)
    assert not budget.take("second", 161)
    budget.give_back("first", 800)
    assert budget.taken == 0
    assert budget.take("second", 800)


@given(st.sampled_from([0, 1, 1000]), st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400)), max_size=9))
def test_nothing_is_lost(limit: int, asked: list[tuple[str, int]]) -> None:
    """Whatever is asked for, no more than the limit is held, and all of it comes back."""
    budget = Budget(limit)
    held = [(owner, units) for owner, units in asked if budget.take(owner, units)]
    assert budget.taken == sum(units for _, units in held) <= limit
    for owner, units in held:
        budget.give_back(owner, units)
    assert budget.taken == 0
