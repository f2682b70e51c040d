"""Characters that a reader cannot see, or sees as something else: which one a text holds, and where.

It decides the words of an error only. Which text is refused at all, its callers decide.
"""

import unicodedata
from collections.abc import Callable

_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
# Drawn as nothing although they count as letters, marks or symbols; the last stands for a broken character.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffd")
_VARIATION_SELECTORS = (("\ufe00", "\ufe0f"), ("\U000e0100", "\U000e01ef"))
# Unicode gives control characters no names.
_CONTROLS = {"\0": "null", "\t": "tab", "\n": "line feed", "\r": "carriage return", "\x7f": "delete"}
# What makes a name read in another order than it is written (Unicode Technical Report 36, section 2.5), and U+FFFD.
_MISLEADING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufffd")


def is_unseen(character: str) -> bool:
    """Whether a reader does not see this character. An ordinary space counts as seen."""
    if character.isascii():
        return not character.isprintable()
    return (
        unicodedata.category(character) in _UNSEEN_CATEGORIES
        or character in _UNSEEN
        or any(first <= character <= last for first, last in _VARIATION_SELECTORS)
    )


def is_misleading(character: str) -> bool:
    """Whether this character makes a name read differently from what it is: bidirectional controls, and U+FFFD."""
    return character in _MISLEADING


def first_unseen(text: str, of: Callable[[str], bool] = is_unseen) -> str | None:
    """The first such character of `text` and its place, as `U+200B (zero width space) at character 4`; else None."""
    for place, character in enumerate(text, 1):
        if of(character):
            return f"U+{ord(character):04X} ({_name(character)}) at character {place}"
    return None


def _name(character: str) -> str:
    kind = "half of a surrogate pair" if "\ud800" <= character <= "\udfff" else "control character"
    return _CONTROLS.get(character) or unicodedata.name(character, kind).lower()
