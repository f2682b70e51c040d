"""Named rules, each with a stable word for clients and a sentence that explains it; and the rules of header text.

It decides which text may stand in a header at all, from any source. It never repairs a text and never quotes one.
"""

import re
from enum import StrEnum
from typing import Self

from app.domain.errors import Fault
from app.domain.message.unseen import first_unseen

# C0, DEL, C1, the two Unicode line separators, and surrogates, which no UTF-8 can carry.
_UNSAFE_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Rule(StrEnum):
    """A rule. Its value is its stable word, and its `sentence` says what it requires."""

    sentence: str

    def __new__(cls, word: str, sentence: str) -> Self:
        """Make a member of its word and its sentence."""
        rule = str.__new__(cls, word)
        rule._value_ = word
        rule.sentence = sentence
        return rule

    def fault(self, pointer: str, detail: str | None = None) -> Fault:
        """This rule as broken by the field at `pointer`, a JSON pointer (RFC 6901).

        `detail` is a sentence that says more than the rule does.
        """
        return Fault(pointer, self.value, detail or self.sentence)


class TextRule(Rule):
    """What no header text may hold, in any field."""

    CONTROL_CHARACTER = "control_character", "Control characters, line separators and lone surrogates are not allowed."
    ENCODED_WORD = "encoded_word", "Write the text itself: encoded-words (=?...?=) are not allowed."


def detail_of(rule: Rule, text: str) -> str:
    """The sentence of a rule that `text` breaks; for a control character, with the character and its place."""
    if rule is not TextRule.CONTROL_CHARACTER:
        return rule.sentence
    return f"{rule.sentence} Found {first_unseen(text, _is_unsafe)}."


def broken_text_rule(text: str) -> TextRule | None:
    """Which rule makes `text` unsafe in a header, or None.

    An encoded-word (RFC 2047) is refused although it looks harmless: a decoder, CPython's own email package included,
    may find line breaks inside (CVE-2024-6923) and write a header that was never checked.
    """
    if _UNSAFE_CHARACTER.search(text):
        return TextRule.CONTROL_CHARACTER
    start = text.find("=?")
    if start >= 0 and text.find("?=", start + 1) >= 0:
        return TextRule.ENCODED_WORD
    return None


def _is_unsafe(character: str) -> bool:
    return _UNSAFE_CHARACTER.match(character) is not None
