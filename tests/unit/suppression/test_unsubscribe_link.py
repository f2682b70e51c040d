"""Unsubscribe links: a token is genuine to the last bit, links use https, and a form states its purpose."""

import base64
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import signed_links
from app.domain.signed_links import may_lead_to
from app.domain.suppression.unsubscribe_link import (
    PLACES,
    PURPOSE,
    Wish,
    headers,
    link,
    wish_of,
    with_link,
)
from tests.support.gateway.messages import INVITATION, content, read, rendered

BAD_TOKENS = json.loads((Path(__file__).parents[2] / "corpus" / "unsubscribe_tokens.json").read_text(encoding="utf-8"))
write_token, read_token = partial(signed_links.write_token, PURPOSE), partial(signed_links.read_token, PURPOSE)
KEYS = {b"new1": b"n" * 32, b"old1": b"o" * 32}
OTHER_KEYS = {b"new1": b"x" * 32, b"else": b"n" * 32}
ANN = UUID("01920000-0000-7000-8000-00000000000a")
URL = "https://mail.example.com/unsubscribe/" + write_token(ANN, KEYS)

key_rings = st.dictionaries(st.binary(min_size=4, max_size=4), st.binary(min_size=32, max_size=32), min_size=1)


@given(st.uuids(), key_rings)
def test_a_token_leads_back_to_its_recipient(recipient_id: UUID, keys: dict[bytes, bytes]) -> None:
    """For every recipient and key ring; the token is short, safe in a URL, and contains no address."""
    token = write_token(recipient_id, keys)
    assert read_token(token, keys) == recipient_id
    assert len(token) == 48
    assert token == base64.urlsafe_b64encode(base64.urlsafe_b64decode(token)).decode()


@given(st.uuids(), st.integers(0, 47), st.characters(exclude_characters="\n"))
def test_a_token_with_any_character_changed_is_none(recipient_id: UUID, place: int, character: str) -> None:
    """A token has only one spelling, so not even an unused bit can be changed."""
    token = write_token(recipient_id, KEYS)
    changed = token[:place] + character + token[place + 1 :]
    assert read_token(changed, KEYS) == (recipient_id if changed == token else None)


@given(st.uuids(), st.integers(0, 287))
def test_a_token_with_any_bit_changed_is_none(recipient_id: UUID, bit: int) -> None:
    """In the id of the key, in the id of the recipient and in the signature."""
    raw = int.from_bytes(base64.urlsafe_b64decode(write_token(recipient_id, KEYS)), "big") ^ 1 << bit
    assert read_token(base64.urlsafe_b64encode(raw.to_bytes(36, "big")).decode(), KEYS) is None


@given(st.text())
def test_no_text_is_a_token_by_chance(text: str) -> None:
    """Any text in place of the token is read without an error, and is not a token."""
    assert read_token(text, KEYS) is None


@pytest.mark.parametrize("case", BAD_TOKENS, ids=lambda case: case["why"])
def test_a_bad_token_is_refused(case: dict[str, str]) -> None:
    """Each token of the corpus: cut, lengthened, padded, in other alphabets, signed with an empty key."""
    assert read_token(case["token"], KEYS) is None


def test_the_corpus_is_there() -> None:
    """The corpus has forty different bad tokens."""
    assert len({case["token"] for case in BAD_TOKENS}) == len({case["why"] for case in BAD_TOKENS}) >= 40


def test_every_key_of_the_ring_reads_and_no_other() -> None:
    """A link works while its key is anywhere in the ring; a removed key, or that of another ring, reads no token."""
    token = write_token(ANN, KEYS)
    assert read_token(token, dict(reversed(KEYS.items()))) == ANN
    assert read_token(token, {b"next": b"y" * 32, **KEYS}) == ANN
    assert read_token(token, {b"old1": b"o" * 32}) is None
    assert read_token(token, OTHER_KEYS) is None
    assert read_token(token, {}) is None
    assert write_token(ANN, KEYS) == write_token(ANN, {b"new1": b"n" * 32})


def test_a_token_for_one_purpose_is_none_for_another() -> None:
    """A link of one kind cannot be turned into one of another, even if both had the same keys."""
    assert signed_links.read_token(b"another purpose", write_token(ANN, KEYS), KEYS) is None


def test_a_token_signed_with_the_dummy_key_is_refused() -> None:
    """The dummy key that stands in for unknown keys only takes the same time: a token signed with it is refused."""
    token = write_token(ANN, {b"void": bytes(32)})
    assert read_token(token, KEYS) is None


def test_the_header_fields_are_those_of_rfc_8058() -> None:
    """One https URI in angle brackets, and the key and value that a mail client posts; DKIM can sign both fields."""
    email = read(rendered(INVITATION, extra_headers=headers(URL)))
    assert email.get_all("List-Unsubscribe") == [f"<{URL}>"]
    assert email.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]


def test_a_long_public_url_stays_whole_in_its_header() -> None:
    """With the longest allowed base, the link is still on one line, unchanged."""
    base = "https://mail.example.com/" + "a" * (500 - len("https://mail.example.com/"))
    assert may_lead_to(base)
    url = link(base, write_token(ANN, KEYS))
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in rendered(INVITATION, extra_headers=headers(url))


def test_fields_of_the_application_give_way() -> None:
    """With one of its fields and one of ours, mail clients could post to the wrong place."""
    own = (("list-unsubscribe", "<https://app.example.com/u>"), ("X-Kept", "yes"), ("LIST-UNSUBSCRIBE-POST", "x=y"))
    message = with_link(replace(INVITATION, headers=own), URL)
    assert message.headers == (("X-Kept", "yes"),)
    email = read(rendered(message, extra_headers=headers(URL)))
    assert email.get_all("List-Unsubscribe") == [f"<{URL}>"]
    assert email["X-Kept"] == "yes"


def test_the_link_replaces_the_placeholders_of_the_bodies() -> None:
    """In text and in HTML, about ten times at most: a body of only placeholders must not grow without limit."""
    asks = replace(
        INVITATION, text="Stop: {{unsubscribe_url}}", html='<a href="{{unsubscribe_url}}">stop</a> {{unsubscribe_url}}'
    )
    email = read(rendered(with_link(asks, URL), extra_headers=headers(URL)))
    assert content(email, "plain").strip() == f"Stop: {URL}"
    assert content(email, "html").strip() == f'<a href="{URL}">stop</a> {URL}'
    crowded = with_link(replace(INVITATION, text="{{unsubscribe_url}}" * 50, html=None), URL)
    assert crowded.html is None
    assert (crowded.text or "").count(URL) == PLACES == 10


@pytest.mark.parametrize(
    "base, fit",
    [
        ("https://mail.example.com", True),
        ("https://mail.example.com/", True),
        ("https://mail.example.com:8443/postern", True),
        ("https://[2001:db8::1]/", True),
        ("http://127.0.0.1:8025", True),
        ("http://[::1]:8025", True),
        ("http://localhost:8025", True),
        ("http://mail.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost.example.com", False),
        ("ftp://mail.example.com", False),
        ("https://mail.example.com/?a=b", False),
        ("https://mail.example.com/#a", False),
        ("https://ann:secret@mail.example.com", False),
        ("https://mail.example.com/<b>", False),
        ('https://mail.example.com/"', False),
        ("https://mail.example.com/a,b", False),
        ("https://mail.example.com:port", False),
        ("https://[mail.example.com", False),
        ("https://:443", False),
        ("https://bücher.example", False),
        ("https://mail.example.com/" + "a" * 475, True),
        ("https://mail.example.com/" + "a" * 476, False),
        ("", False),
    ],
)
def test_links_lead_over_https_or_nowhere_else_than_here(base: str, fit: bool) -> None:
    """RFC 8058 requires https; http is only for a gateway and a reader on one machine. A link needs no escaping."""
    assert may_lead_to(base) is fit


@pytest.mark.parametrize(
    "fields, wish",
    [
        ([("List-Unsubscribe", "One-Click")], Wish.UNSUBSCRIBE),
        ([("List-Unsubscribe", "One-Click"), ("utm_source", "x")], Wish.UNSUBSCRIBE),
        ([("resubscribe", "yes")], Wish.RESUBSCRIBE),
        ([("List-Unsubscribe", "One-Click"), ("resubscribe", "yes")], None),
        ([("List-Unsubscribe", "one-click")], None),
        ([("List-Unsubscribe", "")], None),
        ([("resubscribe", "no")], None),
        ([("unsubscribe", "yes")], None),
        ([], None),
    ],
)
def test_a_form_asks_for_one_thing_in_the_words_for_it(fields: list[tuple[str, str]], wish: Wish | None) -> None:
    """The fields of RFC 8058, or ours to subscribe again; anything else, or both at once, is refused."""
    assert wish_of(fields) is wish


def test_two_recipients_have_two_links() -> None:
    """The link of one recipient cannot be derived from that of another."""
    assert len({write_token(uuid4(), KEYS) for _ in range(100)}) == 100
