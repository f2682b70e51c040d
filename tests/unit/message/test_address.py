"""Addresses: the cases of the corpus, and properties of every text."""

import json
import string
from pathlib import Path

import idna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.message.address import (
    ADDRESS_LIMIT,
    Address,
    InvalidAddress,
    Mailbox,
    is_mailbox_simulator,
    masked,
    parse_address,
    read_reported,
)
from app.domain.message.mailboxes import parse_mailbox

CORPUS = json.loads((Path(__file__).parents[2] / "corpus" / "addresses.json").read_text())

ATEXT = string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~-"
KELVIN_SIGN = "\u212a"

local_parts = st.lists(st.text(ATEXT, min_size=1, max_size=12), min_size=1, max_size=4).map(".".join)
labels = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?", fullmatch=True)
domains = st.builds(lambda left, right: f"{left}.{right}", labels, st.sampled_from(["example", "TEST", "Co.uk"]))
addresses = st.builds(lambda local_part, domain: f"{local_part}@{domain}", local_parts, domains)


def named(cases: list[dict[str, object]]) -> list[object]:
    """Return the cases of a corpus as parameters whose ids hold no control characters."""
    return [pytest.param(case, id=f"{number} {ascii(case['text'])[:50]}") for number, case in enumerate(cases)]


def accepted(text: str) -> Address | None:
    """Return the address that `text` is, or None."""
    try:
        return parse_address(text)
    except InvalidAddress:
        return None


@pytest.mark.parametrize("case", named(CORPUS["addresses"]))
def test_address_has_its_key_and_its_envelope(case: dict[str, str]) -> None:
    """A valid address keeps its text and gets exactly the expected suppression key and envelope."""
    assert parse_address(case["text"]) == Address(email=case["text"], key=case["key"], envelope=case["envelope"])


@pytest.mark.parametrize("case", named(CORPUS["not_addresses"]))
def test_text_that_is_no_address_is_refused_by_its_rule(case: dict[str, str]) -> None:
    """Each bad text is refused with the stable name of the rule that it breaks."""
    with pytest.raises(InvalidAddress) as refusal:
        parse_address(case["text"])
    assert refusal.value.code == case["code"]


@pytest.mark.parametrize("case", named(CORPUS["mailboxes"]))
def test_mailbox_has_its_name_and_its_address(case: dict[str, str]) -> None:
    """A name, quoted or not, is read without its quotes, and the bare address decides the key."""
    assert parse_mailbox(case["text"]) == Mailbox(case["name"], parse_address(case["email"]))


@pytest.mark.parametrize("case", named(CORPUS["not_mailboxes"]))
def test_text_that_is_no_mailbox_is_refused_by_its_rule(case: dict[str, str]) -> None:
    """Lists, groups, comments, source routes and unsafe names are refused with the name of their rule."""
    with pytest.raises(InvalidAddress) as refusal:
        parse_mailbox(case["text"])
    assert refusal.value.code == case["code"]


@pytest.mark.parametrize("case", named(CORPUS["reported"]))
def test_reported_address_reads_as_the_key_it_was_sent_under(case: dict[str, str | None]) -> None:
    """However a remote server spells an address, its key is the same; a text that cannot be an address is None."""
    address = read_reported(case["text"] or "")
    assert (address and address.key) == case["key"]


@pytest.mark.parametrize("case", named(CORPUS["not_addresses"]))
def test_a_refusal_begins_with_the_sentence_of_its_rule(case: dict[str, str]) -> None:
    """It may go on with the character that was found."""
    with pytest.raises(InvalidAddress) as refusal:
        parse_address(case["text"])
    assert str(refusal.value).startswith(refusal.value.rule.sentence)


def test_only_the_last_thousand_addresses_are_remembered() -> None:
    """However many recipients a process has seen."""
    for number in range(1_100):
        parse_address(f"kim{number}@example.com")
    assert parse_address.cache_info().currsize == 1_000


def test_no_refusal_repeats_the_text() -> None:
    """The message of a refusal is the rule alone: logs and answers never echo an address."""
    for case in CORPUS["not_addresses"]:
        if len(case["text"].strip()) > 9:
            with pytest.raises(InvalidAddress) as refusal:
                parse_address(case["text"])
            assert case["text"] not in str(refusal.value)


def test_mailbox_simulator_is_recognised_by_its_exact_domain() -> None:
    """Only the exact domain of the SES mailbox simulator is exempt, not one that ends with it or contains it."""
    assert is_mailbox_simulator(parse_address("bounce+label@Simulator.AmazonSES.com"))
    assert not is_mailbox_simulator(parse_address("bounce@simulator.amazonses.com.evil.example"))
    assert not is_mailbox_simulator(parse_address("bounce@my-simulator.amazonses.com"))


@pytest.mark.parametrize("name", ["", "  ", "a\r\nBcc: x", "=?utf-8?q?a?=", "\ud800", "x" * 257])
def test_no_mailbox_exists_with_an_unsafe_name(name: str) -> None:
    """Neither parsing nor the constructor gives a mailbox whose name could break a header."""
    with pytest.raises(InvalidAddress):
        Mailbox(name, parse_address("ann@example.com"))


def test_kelvin_sign_never_becomes_a_k() -> None:
    """A non-ASCII letter that lower-cases to ASCII is refused, so it cannot share the key of an ASCII address."""
    assert KELVIN_SIGN.lower() == "k"
    for text in (f"{KELVIN_SIGN}im@example.com", f"kim@{KELVIN_SIGN}.example"):
        assert accepted(text) is None
        assert read_reported(text) is None


@given(addresses)
@example("Ann.Lee+Tag@Example.TEST")
def test_normalisation_is_idempotent(text: str) -> None:
    """The key of a key is itself, and the envelope of an address has the same key as the address."""
    address = parse_address(text)
    assert parse_address(address.key).key == address.key
    assert parse_address(address.envelope) == Address(
        email=address.envelope, key=address.key, envelope=address.envelope
    )


@given(addresses)
def test_case_never_makes_another_person(text: str) -> None:
    """Upper and lower case of one ASCII address share a key; dots and tags are kept."""
    assert parse_address(text.upper()).key == parse_address(text.lower()).key == text.lower()


@given(addresses)
def test_reported_spellings_share_the_key(text: str) -> None:
    """A name, surrounding spaces and the root dot do not change the key of an address in an event."""
    key = parse_address(text).key
    for spelling in (f" {text}\n", f"{text}.", f"<{text}>", f'"A, B" <{text.upper()}.>'):
        reported = read_reported(spelling)
        assert reported is not None
        assert reported.key == key


@given(st.text(max_size=40) | st.builds(lambda a, b: a + b, addresses, st.text(max_size=3)))
@example("a@b.example,c@d.example")
@example("x@\u1e9e.example")
def test_an_accepted_text_is_one_plain_ascii_address(text: str) -> None:
    """An accepted text never has an envelope with two @, a space, a control character or a non-ASCII character."""
    address = accepted(text)
    if address is not None:
        assert address.email == text
        assert len(address.envelope) <= ADDRESS_LIMIT
        assert address.envelope.count("@") == 1
        assert set(address.envelope) <= set(ATEXT + ".@")
        assert address.key == address.envelope.lower()
        assert address.domain == address.envelope.split("@")[1]


@given(st.text(max_size=30))
def test_mailbox_and_reported_never_fail_otherwise(text: str) -> None:
    """Any text is a mailbox or raises `InvalidAddress`; in an event it is an address or None, without an exception."""
    read_reported(text)
    try:
        mailbox = parse_mailbox(f"{text} <ann@example.com>")
    except InvalidAddress:
        return
    assert mailbox.address.key == "ann@example.com"


@given(st.lists(labels, min_size=2, max_size=4).map(".".join))
def test_ascii_domains_agree_with_idna(domain: str) -> None:
    """Where the `idna` package accepts an ASCII domain, Postern writes it in the same way."""
    address = accepted(f"a@{domain}")
    try:
        expected = idna.encode(domain.lower(), strict=True).decode()
    except idna.IDNAError:
        return
    if not expected.rpartition(".")[2].isdigit():
        assert address is not None
        assert address.domain == expected


@given(st.text(st.characters(categories=["Ll", "Lo", "Mn", "Nd"]), min_size=1, max_size=12))
def test_unicode_domain_and_its_a_label_are_one_person(label: str) -> None:
    """A Unicode domain and the same domain in A-labels have one key."""
    address = accepted(f"a@{label}.example")
    if address is not None:
        assert parse_address(address.envelope).key == address.key
        assert idna.decode(address.domain) == f"{label}.example"


@pytest.mark.parametrize(
    "address, hint",
    [
        ("kim@example.net", "k•••@example.net"),
        ("k@example.net", "k•••@example.net"),
        ("Kim.Gone+list@example.net", "K•••@example.net"),
    ],
)
def test_an_address_is_shown_as_a_hint(address: str, hint: str) -> None:
    """It is enough for owners to recognise their address, whatever its length."""
    assert masked(address) == hint
