"""Whom an entry is about: an address, or everybody at one domain, under a name that is always the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.address import InvalidAddress, parse_address
from app.domain.suppression import is_scope
from app.domain.whom import parse_whom

labels = st.from_regex(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,8}", fullmatch=True)
domains = st.lists(labels | st.sampled_from(["bücher", "ελλάδα", "xn--bcher-kva"]), min_size=2, max_size=3).map(
    ".".join
)
local_parts = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,12}(\.[A-Za-z0-9+_-]{1,6})?", fullmatch=True)


@given(local_part=local_parts, domain=domains)
def test_the_name_on_the_list_is_its_own_name(local_part: str, domain: str) -> None:
    """Read once more, a key stays what it is: of an address, and of its domain, which is the key's own domain."""
    try:
        key = parse_address(f"{local_part}@{domain}").key
    except InvalidAddress:
        return
    assert parse_address(key).key == key
    wildcard = parse_whom(f"@{domain}")
    assert (wildcard.key, wildcard.address) == (key[key.index("@") :], None)
    assert parse_whom(wildcard.key).key == wildcard.key
    assert parse_whom(key).key == key


@pytest.mark.parametrize(
    "word", ["", "@", "@com", "@1.2", "@*.example.net", "@example.net@", "@ example.net", "@[1.2.3.4]"]
)
def test_what_is_neither_is_refused(word: str) -> None:
    """No pattern, no top-level domain, nothing that no address could have."""
    with pytest.raises(InvalidAddress):
        parse_whom(word)


@pytest.mark.parametrize(
    "text, is_one",
    [
        ("*", True), ("shop", True), ("shop/news", True), ("shop-2/a.b_c-d", True), ("shop/", False), ("/news", False),
        ("Shop", False), ("shop/news/x", False), ("*/news", False), ("", False), ("-shop", False), ("shop/.a", False),
    ],
)  # fmt: skip
def test_what_is_a_scope(text: str, is_one: bool) -> None:
    """Every mail, an application, or a stream of one, by their own grammar."""
    assert is_scope(text) is is_one
