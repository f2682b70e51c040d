"""The rules by which the reply of a mail server is read: an ordered table, checked when it is loaded.

A rule names a class, and the marks, phrases or codes that show it. A mark is an identifier such as `OFR_416`, or the
beginning of one: `OFR_*`, or `OFR_#` where digits follow. `app.domain.feedback.reply_phrases` has the language of
phrases.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from app.domain.feedback.reply_phrases import BadPhrase, Element, parse_phrase

_KNOWN: Final = frozenset({"id", "class", "tier", "marks", "phrases", "contains", "codes", "provider", "example"}) | {
    "status",
    "source",
}
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,60}")
_CODE: Final = re.compile(r"[x245]\.\d{1,3}\.(?:\d{1,3}|x)")


class ReplyClass(StrEnum):
    """What a reply is about; `docs/suppression.md` has what follows from each."""

    GONE = "gone"
    DOMAIN = "domain"
    FULL = "full"
    BUSY = "busy"
    TROUBLE = "trouble"
    RATE = "rate"
    RELAY = "relay"
    OURS = "ours"
    SPAM = "spam"
    MESSAGE = "message"
    REFUSED = "refused"
    UNCLEAR = "unclear"


class Tier(StrEnum):
    """How much a rule weighs. The first tier in which a rule fits decides, and in it the first rule."""

    MARK = "mark"
    PHRASE = "phrase"
    CODE = "code"
    HINT = "hint"


T = TypeVar("T", bound=StrEnum)


class BadRules(ValueError):
    """A file of rules cannot be used. The text names the rule, the field and what it has to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRule:
    """One rule. `example` is a reply that it reads, with `status` beside it."""

    id: str
    reply_class: ReplyClass
    tier: Tier
    marks: tuple[str, ...] = ()
    phrases: tuple[tuple[Element, ...], ...] = ()
    contains: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    example: str = ""
    status: str | None = None
    provider: str | None = None
    source: str = ""


def read_rules(document: Mapping[str, Any]) -> tuple[ReplyRule, ...]:
    """The rules of a parsed file, in its order. Raises `BadRules`."""
    tables = document.get("rule")
    if set(document) != {"rule"} or not isinstance(tables, list):
        raise BadRules("A file of bounce rules holds [[rule]] tables and nothing else.")
    rules = tuple(_rule(number, table) for number, table in enumerate(tables, 1))
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise BadRules(f"Rule {rule.id}: `id` is given twice.")
        seen.add(rule.id)
    return rules


def _rule(number: int, table: Any) -> ReplyRule:
    if not isinstance(table, dict) or not isinstance(table.get("id"), str) or not _ID.fullmatch(table["id"]):
        raise BadRules(f"Rule {number}: `id` has to be 2 to 61 of a-z, 0-9 and hyphens.")
    name = table["id"]
    if unknown := sorted(set(table) - _KNOWN):
        raise BadRules(f"Rule {name}: `{unknown[0]}` is not known; the fields are {', '.join(sorted(_KNOWN))}.")
    rule = ReplyRule(
        id=name,
        reply_class=_one_of(name, "class", table, ReplyClass),
        tier=_one_of(name, "tier", table, Tier),
        marks=tuple(mark.lower() for mark in _texts(name, "marks", table)),
        phrases=tuple(_phrase(name, phrase) for phrase in _texts(name, "phrases", table)),
        contains=tuple(one.lower() for one in _texts(name, "contains", table)),
        codes=tuple(_code(name, code) for code in _texts(name, "codes", table)),
        example=_text(name, "example", table),
        status=table.get("status"),
        provider=table.get("provider"),
        source=_text(name, "source", table),
    )
    if not (rule.marks or rule.phrases or rule.contains or rule.codes):
        raise BadRules(f"Rule {name}: it needs `marks`, `phrases`, `contains` or `codes`.")
    return rule


def _one_of(rule: str, field: str, table: Mapping[str, Any], kinds: type[T]) -> T:
    given = table.get(field)
    if given not in set(kinds):
        raise BadRules(f"Rule {rule}: `{field}` has to be one of {', '.join(kinds)}.")
    return kinds(given)


def _text(rule: str, field: str, table: Mapping[str, Any]) -> str:
    given = table.get(field, "")
    if not isinstance(given, str):
        raise BadRules(f"Rule {rule}: `{field}` has to be a text.")
    return given


def _texts(rule: str, field: str, table: Mapping[str, Any]) -> Sequence[str]:
    given = table.get(field, [])
    if not isinstance(given, list) or not all(isinstance(one, str) and one.strip() for one in given):
        raise BadRules(f"Rule {rule}: `{field}` has to be a list of texts.")
    return given


def _code(rule: str, code: str) -> str:
    if not _CODE.fullmatch(code):
        raise BadRules(f"Rule {rule}: `codes` are such as 5.1.10, x.2.2 or 5.7.x, not {code}.")
    return code


def _phrase(rule: str, phrase: str) -> tuple[Element, ...]:
    try:
        return parse_phrase(phrase)
    except BadPhrase as error:
        raise BadRules(f"Rule {rule}: the phrase {phrase!r} cannot be used: {error}.") from None
