"""The applications that are shown by name, so that figures stay few however many applications there are."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

OTHERS: Final = "(others)"
"""What all other applications are shown as together. No application can have this name."""


def busiest(numbers: Mapping[str, Mapping[str, int]], *, by: str, most: int) -> dict[str, Mapping[str, int]]:
    """The numbers of the `most` applications that have the highest one of `by`, and the sums of all others."""
    ranked = sorted(numbers, key=lambda app: (-numbers[app].get(by, 0), app))
    others = Counter[str]()
    for app in ranked[most:]:
        others.update(numbers[app])
    return {app: numbers[app] for app in ranked[:most]} | ({OTHERS: others} if others else {})
