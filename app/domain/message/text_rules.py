"""Rules with a name: the word that clients may rely on, the sentence that explains it, and the rules of header text.

It decides what text may stand in a mail header at all, whoever wrote it. It never repairs a text and never repeats one.
"""

import re
from enum import StrEnum
from typing import Self

from app.domain.errors import Fault

# C0, DEL, C1, the two Unicode line separators, and surrogates, which no UTF-8 can carry.
_UNSAFE_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Rule(StrEnum):
    """A rule whose value is its stable word and whose `sentence` says what is asked for."""

    sentence: str

    def __new__(cls, word: str, sentence: str) -> Self:
        """A member that is its word and knows its sentence."""
        rule = str.__new__(cls, word)
        rule._value_ = word
        rule.sentence = sentence
        return rule

    def fault(self, pointer: str) -> Fault:
        """This rule as broken by the field at `pointer`, a JSON pointer (RFC 6901)."""
        return Fault(pointer, self.value, self.sentence)


class TextRule(Rule):
    """What no text of a header may hold, in whichever field."""

    CONTROL_CHARACTER = "control_character", "Control characters, line separators and lone surrogates are not allowed."
    ENCODED_WORD = "encoded_word", "Write the text itself: encoded-words (=?...?=) are not allowed."


def broken_text_rule(text: str) -> TextRule | None:
    """Which rule makes `text` unsafe in a header, or None.

    An encoded-word (RFC 2047) is refused although it looks harmless: whoever decodes it, CPython's own email package
    included, may find line breaks inside (CVE-2024-6923) and write a header that nobody checked.
    """
    if _UNSAFE_CHARACTER.search(text):
        return TextRule.CONTROL_CHARACTER
    start = text.find("=?")
    if start >= 0 and text.find("?=", start + 1) >= 0:
        return TextRule.ENCODED_WORD
    return None
