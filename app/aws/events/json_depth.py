"""How deep a JSON text nests, told before a parser recurses into it.

CPython's JSON scanner recurses on the C stack; what a deep text does there depends on the platform's thread stacks, so
strangers' texts are measured first. It decides nothing else about the text, not even whether it is JSON.
"""

import re

MAX_DEPTH = 100
"""Far beyond what SNS and SES write (6), far below what any thread's stack holds."""

# Every branch consumes, also an unterminated string and a lone backslash at the end: the scan is linear on any text.
_STRING = re.compile(r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def nests_too_deep(text: str) -> bool:
    """Return whether objects and arrays nest deeper than MAX_DEPTH; brackets inside strings do not count."""
    # What opens at most that many brackets, inside strings or out, needs no closer look: nearly every genuine text.
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False
