"""Find phrases in a sequence of words, all of them in one pass: an automaton that is built while it is used.

In a phrase, `(a|b c)` is any of these, `(a|b)?` may be missing, and `..` stands for up to four words. Each word of a
text costs one look-up once its transition is known, however many phrases there are.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

_GAP: Final = ".."
_LONGEST_GAP: Final = 4
_MOST_TRANSITIONS: Final = 100_000
_ELEMENT: Final = re.compile(r"\(([^()]{1,2000})\)(\??)|([^\s()?|]{1,60})")
_WORD: Final = re.compile(r"[^\W\d_]{1,50}")

Element = tuple[tuple[tuple[str, ...], ...], bool]
State = frozenset[int]


class BadPhrase(ValueError):
    """A phrase that cannot be read; the text gives the reason."""


def parse_phrase(phrase: str) -> tuple[Element, ...]:
    """The elements of a phrase: the words that may stand there, and whether it may be missing. Raises `BadPhrase`."""
    elements: list[Element] = []
    end = 0
    for match in _ELEMENT.finditer(phrase):
        if phrase[end : match.start()].strip():
            break
        end = match.end()
        group, optional, word = match.groups()
        choices = tuple(tuple(part.split()) for part in group.split("|")) if group else ((word,),)
        if not all(choice and all(one == _GAP or _WORD.fullmatch(one) for one in choice) for choice in choices):
            raise BadPhrase(f"{match[0]!r} holds something else than words")
        elements.append((choices, bool(optional)))
    if phrase[end:].strip() or not elements:
        raise BadPhrase(f"{phrase[end:].strip()!r} cannot be read; write words, (a|b), (a|b)? and `..`")
    if _is_gap(elements[0]) or _is_gap(elements[-1]) or all(optional for _, optional in elements):
        raise BadPhrase("it has to begin and end with words, and one of them may not be missing")
    return tuple(elements)


class Phrases:
    """Phrases, each with a rank. Threads may share it."""

    def __init__(self, phrases: Iterable[tuple[Sequence[Element], int]]) -> None:
        self._words: defaultdict[int, defaultdict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        self._any: defaultdict[int, set[int]] = defaultdict(set)
        self._rank: dict[int, int] = {}
        self._last = 0
        for elements, rank in phrases:
            for node in self._add(elements):
                self._rank[node] = min(rank, self._rank.get(node, rank))
        self._vocabulary = frozenset(word for words in self._words.values() for word in words)
        self.known: dict[tuple[State, str], tuple[State, int | None]] = {}

    def ranks(self, words: Iterable[str]) -> set[int]:
        """The ranks of the phrases in these words; of several that end at one word, the lowest."""
        found, state = set(), State()
        for word in words:
            at = (state, word if word in self._vocabulary else "")
            known = self.known.get(at) or self._step(*at)
            state, rank = known
            if rank is not None:
                found.add(rank)
        return found

    def _add(self, elements: Sequence[Element]) -> set[int]:
        """Add the nodes of a phrase; return those at which it may end."""
        here = {0}
        for element in elements:
            there = self._gap(here) if _is_gap(element) else self._choose(here, element[0])
            here = there | here if element[1] or _is_gap(element) else there
        return here

    def _choose(self, here: set[int], choices: Sequence[Sequence[str]]) -> set[int]:
        join = self._node()
        for choice in choices:
            nodes = here
            for word in choice[:-1]:
                nodes = self._gap(nodes) | nodes if word == _GAP else self._by(nodes, word, self._node())
            self._by(nodes, choice[-1], join)
        return {join}

    def _by(self, nodes: set[int], word: str, target: int) -> set[int]:
        for node in nodes:
            self._words[node][word].add(target)
        return {target}

    def _gap(self, here: set[int]) -> set[int]:
        passed = set()
        for _ in range(_LONGEST_GAP):
            node = self._node()
            for before in here:
                self._any[before].add(node)
            passed.add(node)
            here = {node}
        return passed

    def _node(self) -> int:
        self._last += 1
        return self._last

    def _step(self, state: State, word: str) -> tuple[State, int | None]:
        reached = set(self._words[0].get(word, ()))
        for node in state:
            if node in self._words:
                reached |= self._words[node].get(word, set())
            if node in self._any:
                reached |= self._any[node]
        ranks = [self._rank[node] for node in reached if node in self._rank]
        if len(self.known) >= _MOST_TRANSITIONS:
            self.known.clear()
        known = self.known[state, word] = (State(reached), min(ranks, default=None))
        return known


def _is_gap(element: Element) -> bool:
    return element[0] == ((_GAP,),)
