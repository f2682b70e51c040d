"""How deep a JSON text nests and how much it holds, measured before a parser builds anything of it.

CPython's JSON scanner recurses on the C stack; what a deep text does there depends on the platform's thread stacks, so
a text from outside is measured first. It decides nothing else about the text, not even whether it is JSON.
"""

import re

MAX_DEPTH = 100
"""Far beyond what SNS and SES write (6), far below what any thread's stack holds."""

# Every branch consumes, also an unterminated string and a lone backslash at the end: the scan is linear on any text.
_STRING = re.compile(r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def nests_too_deep(text: str) -> bool:
    """Return whether objects and arrays nest deeper than MAX_DEPTH; brackets inside strings do not count."""
    # Nearly every genuine text opens at most that many brackets, inside strings or out, and needs no closer look.
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def holds_too_much(text: str, *, at_most: int) -> bool:
    """Return whether there are more than `at_most` keys, values and containers; what is in strings does not count."""
    if _marks(text) <= at_most:
        return False
    return _marks(_STRING.sub("", text)) > at_most


def _marks(text: str) -> int:
    return sum(text.count(mark) for mark in "[{:,")
