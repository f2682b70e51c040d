"""Read the reply of a mail server by rules: its class, and the rule that decided.

The reply inside all wrappings is read first, and what is around it only if no rule fits there. Marks come before
phrases, phrases before codes, codes before hints; within a tier, the first rule of the table decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.feedback.reply_phrases import Phrases
from app.domain.feedback.reply_rules import ReplyClass, ReplyRule, Tier
from app.domain.feedback.reply_text import ReplyText, layers, read_text

_MOST_WORDS: Final = 300
# As SES and others write them when the server gave none.
_EMPTY: Final = frozenset({"0.0", "3.0", "5.0"})


@dataclass(frozen=True, slots=True)
class ReplyReading:
    """The class of a reply, and the id of the rule that decided."""

    reply_class: ReplyClass
    rule: str


class ReplyReader:
    """Reads replies by rules; those of an earlier book come before those of a later one. Threads may share it."""

    def __init__(self, *books: Sequence[ReplyRule]) -> None:
        self._rules = [rule for book in books for tier in Tier for rule in book if rule.tier is tier]
        self.phrases = Phrases((phrase, rank) for rank, rule in enumerate(self._rules) for phrase in rule.phrases)
        self._marks: dict[str, int] = {}
        self._mark_prefixes: dict[str, int] = {}
        self._codes: dict[str, int] = {}
        self._contains: list[tuple[str, int]] = []
        for rank, rule in enumerate(self._rules):
            self._learn(rank, rule)
        self._prefixes = tuple(prefix.removesuffix("#") for prefix in self._mark_prefixes)

    def read(self, status: str | None, text: str | None) -> ReplyReading | None:
        """The reading of a reply with its separate enhanced status code; None when no rule fits."""
        whole = layers(text or "")
        for number, layer in enumerate(whole):
            # The separate code is that of the outermost reply.
            outermost = number == len(whole) - 1
            rank = min(self._ranks(read_text(layer), status if outermost else None), default=None)
            if rank is not None:
                return ReplyReading(self._rules[rank].reply_class, self._rules[rank].id)
        return None

    def _learn(self, rank: int, rule: ReplyRule) -> None:
        for mark in rule.marks:
            known = self._mark_prefixes if mark[-1] in "*#" else self._marks
            known.setdefault(mark.removesuffix("*"), rank)
        for code in rule.codes:
            self._codes.setdefault(code, rank)
        self._contains.extend((one, rank) for one in rule.contains)

    def _ranks(self, text: ReplyText, status: str | None) -> Iterator[int]:
        for mark in text.marks:
            if mark in self._marks:
                yield self._marks[mark]
            if mark.startswith(self._prefixes):
                yield from (rank for prefix, rank in self._mark_prefixes.items() if _begins(mark, prefix))
        yield from (rank for one, rank in self._contains if one in text.plain)
        yield from self.phrases.ranks(text.words[:_MOST_WORDS])
        # The server's own code is in its text; the separate one may be SES's.
        for code in (*text.codes, *([status] if status else [])):
            if code[2:] not in _EMPTY:
                yield from self._of_code(code)
                break

    def _of_code(self, code: str) -> Iterator[int]:
        kind, subject, _ = code.split(".") if code.count(".") == 2 else ("", "", "")
        rest = code[2:]
        for known in (code, f"x.{rest}", f"{kind}.{subject}.x", f"x.{subject}.x"):
            if known in self._codes:
                yield self._codes[known]


def _begins(mark: str, prefix: str) -> bool:
    """Whether a mark begins so; after a prefix that ends with `#` only digits follow."""
    rest = mark.removeprefix(prefix.removesuffix("#"))
    return rest != mark and (not prefix.endswith("#") or rest.isdigit())
