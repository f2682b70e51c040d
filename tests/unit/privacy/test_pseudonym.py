"""An address is removed from a text in every spelling, and no other address is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.privacy.pseudonym import Person, is_pseudonym, read_named

NAME = "#AAAAAAAAAAAAAAAAAAAAAA"
KIM = Person(key="kim.gone@example.net", pseudonym=NAME)
UMLAUT = Person(key="kim@xn--mller-kva.example", pseudonym=NAME)
AROUND = st.sampled_from(list(" \n\t<>()[]{}\"',;:/=&?!|#"))


@pytest.mark.parametrize(
    "text, left",
    [
        ("kim.gone@example.net", NAME),
        ("Kim Gone <KIM.Gone@Example.NET>", f"Kim Gone <{NAME}>"),
        ("smtp; 550 5.1.1 <kim.gone@example.net>: unknown", f"smtp; 550 5.1.1 <{NAME}>: unknown"),
        ("Ask kim.gone@example.net.", f"Ask {NAME}."),
        ("mailto:kim.gone@example.net?subject=x", f"mailto:{NAME}?subject=x"),
        ("https://a.example/?to=kim.gone%40example.net&b", f"https://a.example/?to={NAME}&b"),
        ("invite/kim.gone@example.net", f"invite/{NAME}"),
        ("a kim.gone@example.net and kim.gone@example.net", f"a {NAME} and {NAME}"),
    ],
)
def test_an_address_is_taken_out(text: str, left: str) -> None:
    """In any case, in angle brackets, at the end of a sentence, in a link, twice."""
    assert KIM.taken_out_of(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "xkim.gone@example.net",
        "not.kim.gone@example.net",
        "ann+kim.gone@example.net",
        "ann-kim.gone@example.net",
        "kim.gone@example.network",
        "kim.gone@example.net.example",
        "kim.gone@example.net-work.example",
        "gone@example.net",
        "kim.gone at example.net",
    ],
)
def test_no_other_address_is_removed(text: str) -> None:
    """Not one with the same end, nor one with the same beginning."""
    assert KIM.taken_out_of(text) == text


@pytest.mark.parametrize(
    "text", ["Kim@müller.example", "kim@xn--mller-kva.example", json.dumps("kim@müller.example")[1:-1]]
)
def test_a_domain_with_other_letters_is_one_in_every_spelling(text: str) -> None:
    """In Unicode, in its DNS form, and as escaped in JSON."""
    assert UMLAUT.taken_out_of(f"to {text}, today") == f"to {NAME}, today"


def test_structures_keep_their_shape() -> None:
    """Names and values are replaced at any depth; numbers and null stay."""
    before = {"kim.gone@example.net": [1, None, {"to": ["Kim.Gone@example.net", "ann@example.net"]}], "n": True}
    assert KIM.taken_out_of(before) == {NAME: [1, None, {"to": [NAME, "ann@example.net"]}], "n": True}


@given(st.text(), AROUND, st.sampled_from(KIM.spellings), AROUND, st.text())
def test_an_address_is_removed_wherever_it_stands(
    before: str, left: str, spelling: str, right: str, after: str
) -> None:
    """Between any two characters that are not part of an address, in any case; a second run changes nothing."""
    cleaned = KIM.taken_out_of(f"{before}{left}{spelling.upper()}{right}{after}")
    assert NAME in cleaned
    assert KIM.taken_out_of(cleaned) == cleaned


def test_a_pseudonym_is_distinguished_from_an_address() -> None:
    """An address may begin with the same character; each is recognised."""
    assert is_pseudonym(NAME)
    assert not is_pseudonym("#kim@example.net")
    named, address = read_named(NAME), read_named("#Kim@example.net")
    assert named is not None
    assert address is not None
    assert (named.key, named.domain) == (NAME, "")
    assert (address.key, address.domain) == ("#kim@example.net", "example.net")
    assert read_named("nobody") is None
