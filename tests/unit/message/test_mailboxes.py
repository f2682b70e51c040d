"""Mailboxes as people write them: whatever is taken has exactly the recipients that a careful reader sees."""

import email
import email.policy
import json
import re
from email.utils import getaddresses
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.message.address import AddressRule, InvalidAddress, Mailbox, parse_address
from app.domain.message.encoding import address_field
from app.domain.message.mailboxes import MAX_MAILBOXES, TEXT_LIMIT, parse_mailbox, parse_mailboxes, written
from tests.support.house.cpu import least_cpu_s

CORPUS = json.loads((Path(__file__).parents[2] / "corpus" / "addresses.json").read_text())

ADDRESSES = ["ann@example.com", "eve@x.example", "o'brien+tag@mail.example.org", "kim@b\u00fccher.example"]
PARTS = [
    *ADDRESSES,
    *("<ann@example.com>", "<eve@x.example>", "ACME", "Inc.", "Lee", "via", "@", " @ ", ",", ";", " ", "  ", "\t"),
    *('"', "\\", "(", ")", "[", "]", ":", "<", ">", ".", "x@", "@x", "\u200b", "\u202e", "\u5c71"),
]
texts = st.lists(st.sampled_from(PARTS), min_size=1, max_size=9).map("".join)
spaced = st.lists(st.sampled_from(PARTS), min_size=1, max_size=9).map(" ".join)
ANY_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]\\@]+@[^\s<>,;:\"()\[\]\\@]+")

names = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=20)


def taken(text: str) -> tuple[Mailbox, ...] | None:
    """Return the mailboxes that `text` names, or None when it is refused."""
    try:
        return parse_mailboxes(text)
    except InvalidAddress:
        return None


def without_names_in_quotes(text: str) -> str:
    """Return `text` without each whole name in quotes: what it holds is a name for every reader."""
    return re.sub(r'(^|[,;])\s*"(?:[^"\\]|\\.)*"\s*(?=<)', r"\1", text)


@pytest.mark.parametrize("case", [pytest.param(case, id=ascii(case["text"])[:60]) for case in CORPUS["lists"]])
def test_a_list_in_one_text_has_its_mailboxes_in_order(case: dict[str, object]) -> None:
    """Commas and semicolons separate mailboxes, and belong to a name where no address stands before them."""
    found = parse_mailboxes(str(case["text"]))
    assert [[one.name, one.address.email] for one in found] == case["mailboxes"]
    with pytest.raises(InvalidAddress) as refused:
        parse_mailbox(str(case["text"]))
    assert refused.value.rule is AddressRule.ONE_MAILBOX


@given(texts | spaced)
@example("ann@example.com <eve@x.example>")
@example('"ann@example.com" Lee <eve@x.example>')
@example("(ann@example.com) <eve@x.example>")
@example("ACME @ x.example <eve@x.example>")
@example("Lee : <ann@example.com>, <eve@x.example>;")
def test_what_is_taken_has_the_recipients_that_a_reader_sees(text: str) -> None:
    """Outside of whole names in quotes, each address of the text is a recipient, and there is no other."""
    found = taken(text)
    if found is None:
        return
    seen = ANY_ADDRESS.findall(without_names_in_quotes(text))
    recipients = [mailbox.address.email for mailbox in found]
    # A name may repeat the address that it belongs to.
    repeated = [mailbox.name for mailbox in found if mailbox.name == mailbox.address.email]
    assert sorted(seen) == sorted([*recipients, *repeated])


@given(texts | spaced)
def test_what_is_taken_means_the_same_to_other_readers_once_it_is_written(text: str) -> None:
    """Both readers of CPython find in the written header the same addresses, and no field beside it."""
    found = taken(text)
    if found is None:
        return
    raw = address_field("To", [(mailbox.name, mailbox.address.envelope) for mailbox in found])
    parsed = email.message_from_string(f"{raw}\r\nbody", policy=email.policy.default)
    envelopes = [mailbox.address.envelope for mailbox in found]
    assert [address.addr_spec for address in parsed["To"].addresses] == envelopes
    assert [address for _, address in getaddresses([raw.removeprefix("To: ").replace("\r\n", "")])] == envelopes
    assert parsed.keys() == ["To"]


@given(names, st.sampled_from(ADDRESSES))
def test_a_name_in_quotes_is_taken_whatever_it_holds(name: str, address: str) -> None:
    """Quotes make a name unambiguous: the address in the brackets is the only recipient."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    found = taken(f'"{quoted}" <{address}>')
    if found is not None:
        assert [one.address.email for one in found] == [address]
        assert found[0].name in {name.strip(" "), None}


@given(names, st.sampled_from(ADDRESSES))
@example('eve@x.example, "Lee"', "ann@example.com")
@example("ACME \\ Inc.", "ann@example.com")
def test_a_mailbox_that_is_shown_reads_back_as_itself(name: str, address: str) -> None:
    """What the API shows can be sent again, and never looks like two mailboxes."""
    found = taken(written(name, address))
    if found is not None:
        assert [(one.name, one.address.email) for one in found] == [(name.strip(" ") or None, address)]


@given(st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=5), st.sampled_from([",", ", ", ";", " ; ", ",,"]))
def test_a_list_of_bare_addresses_is_that_list(addresses: list[str], separator: str) -> None:
    """However it is joined, a list has the addresses that were joined, with spaces around or without."""
    found = parse_mailboxes(f"  {separator.join(addresses)}{separator}")
    assert [one.address for one in found] == [parse_address(address) for address in addresses]


@given(st.text(max_size=60))
def test_any_other_text_is_refused_in_words_that_do_not_repeat_it(text: str) -> None:
    """Any text is a list of mailboxes, or raises `InvalidAddress` without any piece of the text."""
    with pytest.raises(InvalidAddress) as refused:
        parse_mailboxes(f"{text} secret-value")
    assert "secret-value" not in str(refused.value)


@pytest.mark.parametrize(
    "text, character, place",
    [
        ("kim@example.com\u200b", "U+200B (zero width space)", 16),
        ("\u200bkim@example.com", "U+200B (zero width space)", 1),
        ("kim@exam\u200bple.com", "U+200B (zero width space)", 9),
        ("kim@example.com\ufffd", "U+FFFD (replacement character)", 16),
        ("kim@example.com\u00a0", "U+00A0 (no-break space)", 16),
        ("ki\u00adm@example.com", "U+00AD (soft hyphen)", 3),
        ("\ufeffkim@example.com", "U+FEFF (zero width no-break space)", 1),
        ("kim\u2060@example.com", "U+2060 (word joiner)", 4),
        ("kim@example.com\u200e", "U+200E (left-to-right mark)", 16),
        ("\u202akim@example.com\u202c", "U+202A (left-to-right embedding)", 1),
        ("kim@example\u3000.com", "U+3000 (ideographic space)", 12),
        ("kim\u2009@example.com", "U+2009 (thin space)", 4),
        ("kim\u202f@example.com", "U+202F (narrow no-break space)", 4),
        ("kim\u115f@example.com", "U+115F (hangul choseong filler)", 4),
        ("kim\ufe0f@example.com", "U+FE0F (variation selector-16)", 4),
        ("kim\u200d@example.com", "U+200D (zero width joiner)", 4),
        ("kim\u2800@example.com", "U+2800 (braille pattern blank)", 4),
        ("kim\ue000@example.com", "U+E000 (control character)", 4),
        ("kim\t@example.com", "U+0009 (tab)", 4),
        ("kim@exa\nmple.com", "U+000A (line feed)", 8),
        ("kim\x00@example.com", "U+0000 (null)", 4),
        ("kim\u2028@example.com", "U+2028 (line separator)", 4),
        ("Kim <kim@example.com\u200b>", "U+200B (zero width space)", 16),
        ("Kim <kim@example.com>\u200b", "U+200B (zero width space)", 1),
        ("Kim\u202e <kim@example.com>", "U+202E (right-to-left override)", 4),
        ("Kim\ufffd <kim@example.com>", "U+FFFD (replacement character)", 4),
        ("\u200b <kim@example.com>", "U+200B (zero width space)", 1),
        ("ann@example.com, kim\u200b@example.com", "U+200B (zero width space)", 4),
    ],
)
def test_an_invisible_character_is_named_with_its_place(text: str, character: str, place: int) -> None:
    """The refusal says which character it is and where, since the text itself looks right."""
    with pytest.raises(InvalidAddress) as refused:
        parse_mailboxes(text)
    assert f"{character} at character {place}" in str(refused.value)


def test_a_joiner_that_idna_allows_is_taken() -> None:
    """The zero width non-joiner is a letter of some domains (RFC 5892 appendix A.1), and is no mistake there."""
    persian = "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc"
    assert parse_address(f"kim@{persian}.example").domain.startswith("xn--")


@pytest.mark.parametrize(
    "name", ["Kim\u00a0Lee", "Kim\u200dLee", "\u05e9\u05dc\u05d5\u05dd\u200f", "\U0001f468\u200d\U0001f469"]
)
def test_a_name_may_hold_characters_that_belong_to_its_script(name: str) -> None:
    """Joiners, marks of direction and no-break spaces are part of names, and do not mislead."""
    assert parse_mailbox(f"{name} <kim@example.com>").name == name


def test_a_refusal_in_a_list_says_which_address_it_is() -> None:
    """Of three addresses in one text, the second is named by its number."""
    with pytest.raises(InvalidAddress, match="Address 2 of 3: "):
        parse_mailboxes("ann@example.com, kim@example, eve@x.example")


@pytest.mark.parametrize(
    "text",
    [
        "@ " * 10_000,
        "a@b," * 6_000,
        "x," * 12_000,
        '"' * 25_000,
        "<" * 25_000,
        " " * 25_000 + "@",
        "(" * 25_000 + "<a@b.c>",
        '"' + '\\"' * 12_000 + '\\a" <a@b.example>',
        '\\"<%' * 6_000,
        '>,:\\"' * 5_000 + "a\\",
    ],
)
def test_a_long_text_costs_no_time(text: str) -> None:
    """Whatever it holds, a text of the longest length is read or refused at once: a request may have 50 of them."""
    assert len(text) <= TEXT_LIMIT + 500
    assert least_cpu_s(lambda: taken(text)) < 0.2


def test_a_text_beyond_all_addresses_is_refused_unread() -> None:
    """A text that is longer than the longest list of mailboxes is refused by its length."""
    with pytest.raises(InvalidAddress) as refused:
        parse_mailboxes("ann@example.com," * (TEXT_LIMIT // 16 + 1))
    assert refused.value.rule is AddressRule.TOO_LONG
    assert len(parse_mailboxes(",".join(["ann@example.com"] * MAX_MAILBOXES))) == MAX_MAILBOXES
