"""The rules by which replies are read: each reaches its example, none contradicts another, and no text takes long."""

import random
import re
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.feedback.reply_reader import ReplyReader, ReplyReading
from app.domain.feedback.reply_rules import BadRules, ReplyClass, ReplyRule, read_rules
from app.domain.feedback.reply_text import LONGEST, layers, read_text
from app.wiring.bounce_rules import packaged_rules

RULES = packaged_rules()
READER = ReplyReader(RULES)


def book(text: str) -> tuple[ReplyRule, ...]:
    return read_rules(tomllib.loads(text))


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_each_rule_reads_its_own_example(rule: ReplyRule) -> None:
    """No rule before it takes the example away, so no two rules contradict each other on it."""
    assert READER.read(rule.status, rule.example) == ReplyReading(rule.reply_class, rule.id)


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_each_rule_names_its_source_and_no_person(rule: ReplyRule) -> None:
    """A reader of the file can look up why a rule is there; its example holds only names for examples."""
    assert rule.source
    domains = re.findall(r"@([\w.-]+)", rule.example)
    assert all("example" in domain.split(".") for domain in domains)


def test_every_class_has_a_rule() -> None:
    """A class without a rule could never be read."""
    assert {rule.reply_class for rule in RULES} == set(ReplyClass)


@given(st.text(max_size=4096) | st.binary(max_size=4096).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_read(text: str) -> None:
    """Whatever a server says, in any encoding, there is a reading or none, and no error."""
    reading = READER.read("5.1.1", text)
    assert reading is None or reading.rule in {rule.id for rule in RULES}


@pytest.mark.parametrize(
    "piece",
    ["a.", "a@", "<550 ", "said: 550 ", "-> 550 ", "550-'", "https://", "5.1.1.", "user ", "mailbox full ", "\n550-"],
)
def test_a_long_text_is_cut_before_it_is_read(piece: str) -> None:
    """The work is bounded by the length that is read: no piece that repeats makes more layers, words or characters."""
    text = piece * 40_000
    assert sum(map(len, layers(text))) <= 4 * LONGEST
    assert len(read_text(layers(text)[0]).words) <= LONGEST
    READER.read(None, text)


def test_the_pass_over_the_words_looks_at_each_once() -> None:
    """The phrases are one automaton: its transitions grow with the words of a text, not with their square."""
    vocabulary = sorted(
        word for rule in RULES for phrase in rule.phrases for choices, _ in phrase for word in choices[0]
    )
    words = random.Random(7).choices(vocabulary, k=300)
    fresh = ReplyReader(RULES)
    fresh.read(None, " ".join(words))
    assert len(fresh.phrases.known) <= len(words)


@pytest.mark.parametrize("before, is_read", [(298, True), (299, False)])
def test_phrases_are_looked_for_in_the_first_300_words(before: int, is_read: bool) -> None:
    """What a server says after that is no reason."""
    assert (READER.read(None, "x " * before + "mailbox full") is not None) is is_read


@pytest.mark.parametrize(
    "text",
    [
        "550 5.4.4 Message expired: unable to deliver in 840 minutes.<452 4.2.2 Mailbox full>",
        "550 host mx.example.net[192.0.2.1] said: 452 4.2.2 Mailbox full",
        "5.3.0 - Other mail system problem 552-'Mailbox full' (delivery attempts: 0)",
        "550 5.0.350 Remote server returned an error -> 552 5.2.2 Mailbox full",
        "552-5.2.2 The mailbox of this\n552 5.2.2 user is full",
        "552-5.2.2 The mailbox of this\\n552 5.2.2 user is full",
    ],
)
def test_the_innermost_reply_decides(text: str) -> None:
    """Forwarders, SES and long replies put words around the reason."""
    reading = READER.read("5.1.1", f"smtp; {text}")
    assert reading is not None
    assert reading.reply_class is ReplyClass.FULL


@pytest.mark.parametrize(
    "text", ["550 <blocked@example.net>", "550 see https://example.net/spam/blocked", "550 dnsbl.example.net"]
)
def test_addresses_hosts_and_links_say_nothing(text: str) -> None:
    """They may hold any word, also that of a person."""
    assert READER.read(None, text) is None


@pytest.mark.parametrize("piece, rule", [(piece, rule) for rule in RULES for piece in rule.contains])
def test_each_piece_of_text_is_found_between_other_letters(piece: str, rule: ReplyRule) -> None:
    """A language without spaces has no words to look up."""
    assert READER.read(None, f"550 \u76ee{piece}\u76ee") == ReplyReading(rule.reply_class, rule.id)


def test_a_piece_of_text_may_be_ascii() -> None:
    """An operator may look for a part of a word."""
    own = book('[[rule]]\nid = "own"\nclass = "full"\ntier = "phrase"\ncontains = ["OVERFULL"]')
    assert ReplyReader(own).read(None, "550 Overfullness") == ReplyReading(ReplyClass.FULL, "own")


@pytest.mark.parametrize("text", ["550 Mailbox full <550 nix da>", "550 Mailbox full -> 550 nix da"])
def test_the_separate_status_is_that_of_the_whole_reply(text: str) -> None:
    """The words around a reply that no rule reads decide before it."""
    reading = READER.read("5.1.1", text)
    assert reading is not None
    assert reading.reply_class is ReplyClass.FULL


@pytest.mark.parametrize("vague", ["5.0.0", "5.3.0", "4.5.0"])
@pytest.mark.parametrize("status, text", [("5.2.2", "550 {} nix da"), (None, "550 {} nix da 5.2.2")])
def test_a_code_that_says_nothing_leaves_the_next_one_to_decide(vague: str, status: str | None, text: str) -> None:
    """RFC 3463 has 0 for "other or undefined"."""
    reading = READER.read(status, text.format(vague))
    assert reading is not None
    assert reading.reply_class is ReplyClass.FULL


@pytest.mark.parametrize("status", ["5", "5.2", "5.2.2.2", "x", "full."])
def test_a_status_that_is_no_code_decides_nothing(status: str) -> None:
    """SES passes on what a server wrote there."""
    assert READER.read(status, "550 nix da") is None


def test_an_operators_rules_come_first() -> None:
    """Even a hint of theirs decides before a mark of ours."""
    own = book('[[rule]]\nid = "own"\nclass = "refused"\ntier = "hint"\nphrases = ["(user|mailbox) unknown"]')
    assert ReplyReader(own, RULES).read("5.1.1", "550 OFR_416 user unknown") == ReplyReading(ReplyClass.REFUSED, "own")


FINE = {"id": "own", "class": "gone", "tier": "phrase", "phrases": ["user unknown"]}


@pytest.mark.parametrize(
    "change, words",
    [
        ({"id": "X"}, "Rule 1: `id` has to be"),
        ({"class": "dead"}, "Rule own: `class` has to be one of gone, domain"),
        ({"tier": "first"}, "Rule own: `tier` has to be one of mark, phrase"),
        ({"pattern": "x"}, "Rule own: `pattern` is not known"),
        ({"phrases": []}, "Rule own: it needs `marks`, `phrases`, `contains` or `codes`"),
        ({"phrases": "user unknown"}, "Rule own: `phrases` has to be a list of texts"),
        ({"phrases": ["user .*"]}, "Rule own: the phrase 'user .*' cannot be used"),
        ({"phrases": [".. user"]}, "it has to begin and end with words"),
        ({"phrases": ["(user)?"]}, "one of them may not be missing"),
        ({"phrases": ["user (unknown"]}, "cannot be read"),
        ({"codes": ["5.1"]}, "Rule own: `codes` are such as 5.1.10"),
    ],
)
def test_a_bad_rule_is_refused_by_name(change: dict[str, Any], words: str) -> None:
    """The error names the rule, the field and what it has to be."""
    with pytest.raises(BadRules) as refused:
        read_rules({"rule": [FINE | change]})
    assert words in str(refused.value)


def test_a_file_of_rules_holds_rules_alone_and_each_once() -> None:
    """Another table or a repeated id is refused."""
    with pytest.raises(BadRules, match="nothing else"):
        read_rules({"rule": [FINE], "rules": []})
    with pytest.raises(BadRules, match="given twice"):
        read_rules({"rule": [FINE, FINE]})
