"""Forms of headers as clients write them, and faults that name a character which cannot be seen."""

import pytest

from app.domain.message.headers import REFERENCES_LIMIT, check_headers, plain_headers

ZERO_WIDTH = "\u200b"


@pytest.mark.parametrize("name", ["References", "In-Reply-To", "references"])
def test_a_list_of_message_ids_becomes_one_line(name: str) -> None:
    """Whether it was folded, has commas, or spaces around it."""
    for value in ("<a@x.example>\r\n <b@x.example>", " <a@x.example>, <b@x.example>\n", "<a@x.example> <b@x.example>"):
        assert plain_headers({name: value}) == ((name, "<a@x.example> <b@x.example>"),)


def test_other_headers_and_other_values_stay_as_they_are() -> None:
    """Only lists of message ids are unfolded: elsewhere a line break is refused."""
    for name, value in (("X-Two", "<a@x.example>\r\n <b@x.example>"), ("References", "> not ids >\n")):
        assert plain_headers({name: value}) == ((name, value),)


def test_the_name_of_a_header_with_an_invisible_character_is_named_by_its_place() -> None:
    """The second of two, counted from one; a name that is bad in another way has the rule alone."""
    _, fault = (*check_headers((("", "x"), (f"X{ZERO_WIDTH}", "x"))),)
    assert "The name of header 2 holds U+200B" in fault.detail
    assert "holds" not in check_headers((("X Y", "x"),))[0].detail


@pytest.mark.parametrize("before, named", [(199, True), (200, False)])
def test_only_the_beginning_of_a_name_is_looked_at(before: int, named: bool) -> None:
    """A name may have any length; its first 200 characters are searched."""
    detail = check_headers((("X" * before + ZERO_WIDTH, "x"),))[0].detail
    assert ("U+200B" in detail) is named


def test_a_reserved_header_says_what_to_use_instead_where_there_is_something() -> None:
    """`Message-ID` is in the answer of the API; others have a sentence without a remedy."""
    [message_id] = check_headers((("Message-ID", "<a@x.example>"),))
    [received] = check_headers((("Received", "from x"),))
    assert "GET /v1/emails/{id}" in message_id.detail
    assert message_id.detail.startswith(received.detail)
    assert not received.detail.endswith("None")


@pytest.mark.parametrize("octets, refused", [(REFERENCES_LIMIT, False), (REFERENCES_LIMIT + 1, True)])
def test_a_list_of_message_ids_is_bounded_to_the_octet(octets: int, refused: bool) -> None:
    """The bound itself is allowed."""
    ids = "<a@x.example> " * (octets // 14)
    value = ids + "<" + "b" * (octets - len(ids) - len("<@x.example>")) + "@x.example>"
    assert len(value) == octets
    assert bool(check_headers((("References", value),))) is refused
