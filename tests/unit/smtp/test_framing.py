"""Where lines and messages end: at CR LF and at CR LF . CR LF, however the octets arrive."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.smtp.protocol.budget import Budget
from app.smtp.protocol.framing import BadLine, IncomingMessage, LongLine, take_line


def received(stream: bytes, *, at_once: int = 1 << 20, largest: int = 1000) -> tuple[IncomingMessage, bytes]:
    """The message, and what is left of the stream, which arrives so many octets at once."""
    message, rest = IncomingMessage(largest=largest, budget=Budget(10_000), owner="invites"), bytearray()
    for at in range(0, len(stream), at_once):
        rest += stream[at : at + at_once]
        if not message.is_whole:
            message.feed(rest)
    return message, bytes(rest)


@pytest.mark.parametrize(
    "stream, content, rest",
    [
        (b".\r\n", b"", b""),
        (b"a\r\n.\r\n", b"a\r\n", b""),
        (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
        (b"..\r\n.\r\n", b".\r\n", b""),
        (b"...\r\n..b\r\n.\r\n", b"..\r\n.b\r\n", b""),
        (b".a\r\n.\r\n", b"a\r\n", b""),
        (b"a.\r\n.\r\n", b"a.\r\n", b""),
        (b"\r\n.\r\n.\r\n", b"\r\n", b".\r\n"),
    ],
)
@pytest.mark.parametrize("at_once", [1, 2, 3, 1000])
def test_a_message_ends_at_its_dot(stream: bytes, content: bytes, rest: bytes, at_once: int) -> None:
    """At a line that is one dot; the dot in front of other lines is taken away (RFC 5321 section 4.5.2)."""
    message, left = received(stream, at_once=at_once)
    assert message.is_whole
    assert message.take_content() == content
    assert left == rest


@pytest.mark.parametrize(
    "smuggled", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n\n.\n\n", b"\r\r\n.\r\r\n"]
)
@pytest.mark.parametrize("at_once", [1, 1000])
def test_nothing_else_ends_a_message(smuggled: bytes, at_once: int) -> None:
    """What other servers may take for the end does not end it, and makes the message be refused whole."""
    message, left = received(b"a" + smuggled + b"MAIL FROM:<b@example.com>\r\n.\r\n", at_once=at_once)
    assert message.is_whole
    assert message.take_content() is None
    assert left == b""


@given(st.lists(st.text("a.\u00e9 ", max_size=5), max_size=6), st.integers(1, 9))
def test_what_was_stuffed_comes_out(lines: list[str], at_once: int) -> None:
    """Any lines, with a dot before those that begin with one, are received as they were."""
    plain = "".join(f"{line}\r\n" for line in lines).encode()
    stuffed = "".join(f"{'.' if line.startswith('.') else ''}{line}\r\n" for line in lines).encode()
    message, left = received(stuffed + b".\r\nQUIT", at_once=at_once)
    assert message.take_content() == plain
    assert left == b"QUIT"


def test_a_large_message_is_not_kept() -> None:
    """It is read to its end without being kept, and not at all beyond twice the allowed size."""
    budget = Budget(5000)
    message = IncomingMessage(largest=1000, budget=budget, owner="invites")
    message.feed(bytearray(b"a" * 1200))
    assert message.is_too_large
    assert not message.is_endless
    assert budget.taken == 0
    message.feed(bytearray(b"a" * 900))
    assert message.is_endless


@pytest.mark.parametrize(
    "octets, is_too_large, is_endless", [(1005, False, False), (1006, True, False), (2001, True, True)]
)
def test_a_message_of_the_allowed_size_is_kept(octets: int, is_too_large: bool, is_endless: bool) -> None:
    """The size is that of the message, and its end may come with it."""
    message = IncomingMessage(largest=1000, budget=Budget(5000), owner="invites")
    message.feed(bytearray(b"a" * octets))
    assert (message.octets, message.is_too_large, message.is_endless) == (octets, octets > 1005, octets > 2000)


def test_all_messages_together_have_a_bound() -> None:
    """A message for which there is no room is read and not kept; room comes back when another one is dropped."""
    budget = Budget(1000)
    first, second = (IncomingMessage(largest=1000, budget=budget, owner="invites") for _ in range(2))
    first.feed(bytearray(b"a" * 400))
    first.feed(bytearray(b"a" * 300))
    second.feed(bytearray(b"a" * 700))
    assert not first.found_no_room
    assert second.found_no_room
    for message in (first, second, first):
        message.drop()
    assert budget.taken == 0


@pytest.mark.parametrize(
    "octets, line, rest",
    [
        (b"NOOP\r\n", b"NOOP", b""),
        (b"NOOP\r\nQUIT\r\n", b"NOOP", b"QUIT\r\n"),
        (b"\r\n", b"", b""),
        (b"NOOP", None, b"NOOP"),
        (b"NOOP\r", None, b"NOOP\r"),
        (b"a" * 4096 + b"\r\n", b"a" * 4096, b""),
        (b"a" * 4096 + b"\r", None, b"a" * 4096 + b"\r"),
    ],
)
def test_a_line_ends_with_cr_lf(octets: bytes, line: bytes | None, rest: bytes) -> None:
    """It is taken off the buffer once it is whole."""
    buffer = bytearray(octets)
    assert take_line(buffer) == line
    assert buffer == rest


@pytest.mark.parametrize("octets", [b"NOOP\n", b"NO\rOP\r\n", b"NOOP\r\r\n", b"NO\0OP\r\n", b"NO\nOP\r\n", b"\n"])
def test_a_line_with_other_ends_in_it_is_none(octets: bytes) -> None:
    """A CR or an LF alone, or a NUL, does not end a line and is in none."""
    with pytest.raises(BadLine):
        take_line(bytearray(octets))


@pytest.mark.parametrize("octets", [b"a" * 4098, b"a" * 4097 + b"\r", b"a" * 4097 + b"\r\n"])
def test_a_line_has_a_bound(octets: bytes) -> None:
    """A longer one is refused, whether or not its end has come."""
    with pytest.raises(LongLine):
        take_line(bytearray(octets))


def test_a_message_in_small_pieces_takes_no_more_memory() -> None:
    """A client that sends it octet by octet cannot make the door keep more than the budget says."""
    message = IncomingMessage(largest=100_000, budget=Budget(100_000), owner="invites")
    tracemalloc.start()
    for _ in range(20_000):
        message.feed(bytearray(b"a"))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 40_000
