"""The applications that figures name are few, and the others are counted all the same."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.domain.operating.busiest import OTHERS, busiest

NUMBERS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2),
    st.dictionaries(st.sampled_from(["accepted", "bounced"]), st.integers(min_value=0, max_value=9)),
)


@given(numbers=NUMBERS, most=st.integers(min_value=0, max_value=5))
def test_no_recipient_is_lost_and_few_applications_are_named(numbers: dict[str, dict[str, int]], most: int) -> None:
    """Those that are named had at least as many accepted as any that is not."""
    shown = busiest(numbers, by="accepted", most=most)
    named = shown.keys() - {OTHERS}
    assert len(named) == min(most, len(numbers))
    assert sum(map(Counter, shown.values()), Counter[str]()) == sum(map(Counter, numbers.values()), Counter[str]())
    for app in named:
        assert shown[app] == numbers[app]
    unnamed = max((numbers[app].get("accepted", 0) for app in numbers.keys() - named), default=0)
    assert all(numbers[app].get("accepted", 0) >= unnamed for app in named)
