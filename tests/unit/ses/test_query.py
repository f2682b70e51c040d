"""The forms of version 1: dotted names become a tree with lists, within bounds."""

import pytest

from app.domain.errors import MalformedRequest, PayloadTooLarge
from app.web.ses.v1.query import MAX_ESCAPES, MAX_FIELDS, read_form


@pytest.mark.parametrize(
    "form, tree",
    [
        (b"", {}),
        (b"A=", {"A": ""}),
        (b"A=b+c%2Bd%26&B.C=%C3%BC", {"A": "b c+d&", "B": {"C": "ü"}}),
        (b"A.member.2=b&A.member.1=a&A.member.10=j", {"A": ["a", "b", "j"]}),
        (b"T.member.1.Name=a&T.member.1.Value=b", {"T": [{"Name": "a", "Value": "b"}]}),
        (b"A=b&X-Amz-Signature=c&x-amz-date=d", {"A": "b"}),
    ],
)
def test_a_form_is_a_tree(form: bytes, tree: dict[str, object]) -> None:
    """Lists are in the order of their numbers, and what belongs to a signature is left out."""
    assert read_form(form) == tree


@pytest.mark.parametrize(
    "form",
    [
        b"A=b&A=c", b"A=b&A.B=c", b"A.B=c&A=b", b"A=%00", b"A=%ff", b"A=%ed%a0%80", b"\xff=b", b"A.=b", b".A=b",
        b"A..B=c", b"A-.1=b&%00=c", b"=b", b"A.B.C.D.E.F.G=h", b"A.member.0=b", b"A.member.99999=b",
        b"a" * 65 + b"=b", b"&".join(b"A%d=b" % number for number in range(MAX_FIELDS + 1)),
    ],
)  # fmt: skip
def test_a_form_with_two_meanings_or_beyond_the_bounds_is_refused(form: bytes) -> None:
    """It names none of what it was sent."""
    with pytest.raises(MalformedRequest):
        read_form(form)


def test_escapes_are_counted_before_they_are_read() -> None:
    """Each takes many times its octets while it is read."""
    with pytest.raises(PayloadTooLarge):
        read_form(b"A=" + b"%41" * (MAX_ESCAPES + 1))
