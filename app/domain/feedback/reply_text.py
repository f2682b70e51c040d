"""The words, the marks and the codes in the reply of a mail server, taken out of what surrounds them.

A reply comes in many wrappings: SES's "Message expired" around the last 4xx reply, a forwarder's "said:", the lines of
one reply with their codes repeated. Addresses, hosts and links say nothing about the reason, so they are left out.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

LONGEST: Final = 1_500
"""Characters of a reply that are read; servers write the reason first."""

_MOST_WRAPPINGS: Final = 3
# Where an inner reply begins, and what ends it; None is the end of the text.
_WRAPPED: Final = (
    (re.compile(r"<(?=[2-5]\d\d[ -])"), ">"),
    (re.compile(r"\bsaid: {0,2}(?=[2-5]\d\d[ -])"), None),
    (re.compile(r"[2-5]\d\d-'"), "'"),
    (re.compile(r"-> {0,2}(?=[2-5]\d\d )"), None),
)
_PREFIX: Final = re.compile(r"^(?:smtp|x-[a-z]{1,20}) {0,2}; {0,2}", re.IGNORECASE)
_CODE: Final = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])")
_MARK: Final = re.compile(r"[\w?][\w.#=-]{1,79}")
_BETWEEN: Final = re.compile(r"[\s<>()\[\]{},;:\"]+")
_WORD: Final = re.compile(r"[^\W\d_]{1,40}(?:['\u2019][^\W\d_]{1,40})?")


@dataclass(frozen=True, slots=True)
class ReplyText:
    """What can be read in one reply.

    `words` are in lower case, without apostrophes; `marks` are identifiers as they stand, in lower case; `codes` are
    enhanced status codes (RFC 3463), in their order; `plain` is the text in lower case, for languages without spaces.
    """

    words: tuple[str, ...]
    marks: frozenset[str]
    codes: tuple[str, ...]
    plain: str


def layers(text: str) -> tuple[str, ...]:
    """The reply inside all wrappings first, then what is around it."""
    found = [text[:LONGEST].replace("\\n", "\n")]
    for _ in range(_MOST_WRAPPINGS):
        inner = next((inner for form in _WRAPPED if (inner := _inside(found[-1], *form))), "")
        if not inner:
            break
        found.append(inner)
    return tuple(reversed(found))


@lru_cache(maxsize=1_024)
def read_text(reply: str) -> ReplyText:
    """What can be read in this reply, a layer of `layers`."""
    words: list[str] = []
    for token in _BETWEEN.split(_PREFIX.sub("", reply, count=1)):
        if not _says_nothing(token.strip(".'*!?")):
            words.extend(word.replace("'", "").replace("\u2019", "") for word in _WORD.findall(token.lower()))
    lower = reply.lower()
    marks = frozenset(mark.rstrip(".") for mark in _MARK.findall(lower))
    return ReplyText(tuple(words), marks, tuple(_CODE.findall(lower)), lower)


def _inside(text: str, opening: re.Pattern[str], closing: str | None) -> str:
    """What is between the first opening and the last closing; empty without either."""
    begins = opening.search(text)
    if begins is None:
        return ""
    rest = text[begins.end() :]
    return rest if closing is None else rest.rpartition(closing)[0]


def _says_nothing(token: str) -> bool:
    """Whether a token is an address, a link or a host, any of which may hold any word."""
    if "@" in token or token.startswith("//"):
        return True
    labels = token.split(".")
    is_host = len(labels) >= 2 and all(labels) and len(labels[-1]) >= 2 and labels[-1].isalpha()
    # A missing space after a full stop is no host.
    return is_host and not (labels[-1][0].isupper() and labels[-2][-1].islower())
