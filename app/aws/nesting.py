"""How deep a JSON text nests, told before a parser recurses into it.

CPython's JSON scanner recurses on the C stack; what a deep text does there depends on the platform's thread stacks, so
strangers' texts are measured first. It decides nothing else about the text, not even whether it is JSON.
"""

import re

# Every branch consumes, also an unterminated string and a lone backslash at the end: the scan is linear on any text.
_STRING = re.compile(r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def nests_deeper_than(limit: int, text: str) -> bool:
    """Return whether objects and arrays nest deeper than `limit` levels; brackets inside strings do not count."""
    if text.count("[") + text.count("{") <= limit:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > limit:
            return True
    return False
