"""The target of an entry: an address or a whole domain, with a canonical key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.message.address import InvalidAddress, parse_address
from app.domain.suppression.rules import is_scope
from app.domain.suppression.targets import parse_target

labels = st.from_regex(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,8}", fullmatch=True)
domains = st.lists(labels | st.sampled_from(["bücher", "ελλάδα", "xn--bcher-kva"]), min_size=2, max_size=3).map(
    ".".join
)
local_parts = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,12}(\.[A-Za-z0-9+_-]{1,6})?", fullmatch=True)


@given(local_part=local_parts, domain=domains)
def test_the_name_on_the_list_is_its_own_name(local_part: str, domain: str) -> None:
    """Parsing a key gives the same key, for an address and for its domain."""
    try:
        key = parse_address(f"{local_part}@{domain}").key
    except InvalidAddress:
        return
    assert parse_address(key).key == key
    wildcard = parse_target(f"@{domain}")
    assert (wildcard.key, wildcard.address) == (key[key.index("@") :], None)
    assert parse_target(wildcard.key).key == wildcard.key
    assert parse_target(key).key == key


@pytest.mark.parametrize(
    "word", ["", "@", "@com", "@1.2", "@*.example.net", "@example.net@", "@ example.net", "@[1.2.3.4]"]
)
def test_a_target_that_is_neither_address_nor_domain_is_refused(word: str) -> None:
    """A pattern, a top-level domain, and a domain that no address can have are refused."""
    with pytest.raises(InvalidAddress):
        parse_target(word)


@pytest.mark.parametrize(
    "text, is_one",
    [
        ("*", True), ("shop", True), ("shop/news", True), ("shop-2/a.b_c-d", True), ("shop/", False), ("/news", False),
        ("Shop", False), ("shop/news/x", False), ("*/news", False), ("", False), ("-shop", False), ("shop/.a", False),
    ],
)  # fmt: skip
def test_the_grammar_of_a_scope(text: str, is_one: bool) -> None:
    """A scope is every email, an application, or a stream of an application, each by its grammar."""
    assert is_scope(text) is is_one
