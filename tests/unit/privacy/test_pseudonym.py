"""An address is taken out of a text in whatever spelling it stands there, and nobody else's with it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.pseudonym import Person, is_pseudonym, read_named

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
def test_nobody_else_is_taken_out(text: str) -> None:
    """Not who ends alike, nor who begins alike."""
    assert KIM.taken_out_of(text) == text


@pytest.mark.parametrize(
    "text", ["Kim@müller.example", "kim@xn--mller-kva.example", json.dumps("kim@müller.example")[1:-1]]
)
def test_a_domain_with_other_letters_is_one_in_every_spelling(text: str) -> None:
    """As it is written, as the DNS has it, as JSON escapes it."""
    assert UMLAUT.taken_out_of(f"to {text}, today") == f"to {NAME}, today"


def test_structures_keep_their_shape() -> None:
    """Names and values, at any depth; numbers and nothing stay."""
    before = {"kim.gone@example.net": [1, None, {"to": ["Kim.Gone@example.net", "ann@example.net"]}], "n": True}
    assert KIM.taken_out_of(before) == {NAME: [1, None, {"to": [NAME, "ann@example.net"]}], "n": True}


@given(st.text(), AROUND, st.sampled_from(KIM.spellings), AROUND, st.text())
def test_wherever_it_stands_it_is_gone(before: str, left: str, spelling: str, right: str, after: str) -> None:
    """Between any two characters that are no part of an address, in any case; and once gone it stays gone."""
    cleaned = KIM.taken_out_of(f"{before}{left}{spelling.upper()}{right}{after}")
    assert NAME in cleaned
    assert KIM.taken_out_of(cleaned) == cleaned


def test_a_pseudonym_is_told_from_an_address() -> None:
    """An address may begin with the same character; each is read as what it is."""
    assert is_pseudonym(NAME)
    assert not is_pseudonym("#kim@example.net")
    named, address = read_named(NAME), read_named("#Kim@example.net")
    assert named is not None
    assert address is not None
    assert (named.key, named.domain) == (NAME, "")
    assert (address.key, address.domain) == ("#kim@example.net", "example.net")
    assert read_named("nobody") is None
