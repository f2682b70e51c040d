"""The token of an unsubscribe link is genuine to the last bit or nothing; links lead over https; forms say what they
want.
"""

import base64
import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.unsubscribe import (
    PLACES,
    Wish,
    headers,
    link,
    masked,
    may_lead_to,
    read_token,
    wish_of,
    with_link,
    write_token,
)
from tests.invitation import INVITATION, content, read, rendered

BAD_TOKENS = json.loads((Path(__file__).parents[1] / "corpus" / "unsubscribe_tokens.json").read_text(encoding="utf-8"))
KEYS = {b"new1": b"n" * 32, b"old1": b"o" * 32}
OTHER_KEYS = {b"new1": b"x" * 32, b"else": b"n" * 32}
ANN = UUID("01920000-0000-7000-8000-00000000000a")
URL = "https://mail.example.com/unsubscribe/" + write_token(ANN, KEYS)

key_rings = st.dictionaries(st.binary(min_size=4, max_size=4), st.binary(min_size=32, max_size=32), min_size=1)


@given(st.uuids(), key_rings)
def test_a_token_leads_back_to_its_recipient(recipient_id: UUID, keys: dict[bytes, bytes]) -> None:
    """For every recipient and every ring; the token is short, fit for a URL, and shows no address."""
    token = write_token(recipient_id, keys)
    assert read_token(token, keys) == recipient_id
    assert len(token) == 48
    assert token == base64.urlsafe_b64encode(base64.urlsafe_b64decode(token)).decode()


@given(st.uuids(), st.integers(0, 47), st.characters(exclude_characters="\n"))
def test_a_token_with_any_character_changed_is_none(recipient_id: UUID, place: int, character: str) -> None:
    """There is one way to write a token, so that not even an unused bit can be changed."""
    token = write_token(recipient_id, KEYS)
    changed = token[:place] + character + token[place + 1 :]
    assert read_token(changed, KEYS) == (recipient_id if changed == token else None)


@given(st.uuids(), st.integers(0, 287))
def test_a_token_with_any_bit_changed_is_none(recipient_id: UUID, bit: int) -> None:
    """Of the key's id, of the recipient's and of the signature."""
    raw = int.from_bytes(base64.urlsafe_b64decode(write_token(recipient_id, KEYS)), "big") ^ 1 << bit
    assert read_token(base64.urlsafe_b64encode(raw.to_bytes(36, "big")).decode(), KEYS) is None


@given(st.text())
def test_no_text_is_a_token_by_chance(text: str) -> None:
    """Whatever a stranger puts behind the slash is read without an error, and as nothing."""
    assert read_token(text, KEYS) is None


@pytest.mark.parametrize("case", BAD_TOKENS, ids=lambda case: case["why"])
def test_a_bad_token_is_refused(case: dict[str, str]) -> None:
    """Each of the corpus: cut, lengthened, padded, in other alphabets, signed with nothing."""
    assert read_token(case["token"], KEYS) is None


def test_the_corpus_is_there() -> None:
    """Forty kinds of bad tokens, no two alike."""
    assert len({case["token"] for case in BAD_TOKENS}) == len({case["why"] for case in BAD_TOKENS}) >= 40


def test_every_key_of_the_ring_reads_and_no_other() -> None:
    """A link keeps its meaning while its key is in the ring, wherever; a key that went, or is another's, reads none."""
    token = write_token(ANN, KEYS)
    assert read_token(token, dict(reversed(KEYS.items()))) == ANN
    assert read_token(token, {b"next": b"y" * 32, **KEYS}) == ANN
    assert read_token(token, {b"old1": b"o" * 32}) is None
    assert read_token(token, OTHER_KEYS) is None
    assert read_token(token, {}) is None
    assert write_token(ANN, KEYS) == write_token(ANN, {b"new1": b"n" * 32})


def test_nothing_is_signed_with_the_key_of_nobody() -> None:
    """The work that is done for an unknown key is work for nothing: what comes out right there is refused."""
    token = write_token(ANN, {b"void": bytes(32)})
    assert read_token(token, KEYS) is None


def test_the_header_fields_are_those_of_rfc_8058() -> None:
    """One https URI in angle brackets, and the key and value that a mail program posts; both can be signed by DKIM."""
    mail = read(rendered(INVITATION, extra_headers=headers(URL)))
    assert mail.get_all("List-Unsubscribe") == [f"<{URL}>"]
    assert mail.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]


def test_a_long_public_url_stays_whole_in_its_header() -> None:
    """The longest base that is allowed leaves the link on one line, as it is."""
    base = "https://mail.example.com/" + "a" * (500 - len("https://mail.example.com/"))
    assert may_lead_to(base)
    url = link(base, write_token(ANN, KEYS))
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in rendered(INVITATION, extra_headers=headers(url))


def test_fields_of_the_application_give_way() -> None:
    """One of its fields beside one of ours would make mail programs post where nobody expects it."""
    own = (("list-unsubscribe", "<https://app.example.com/u>"), ("X-Kept", "yes"), ("LIST-UNSUBSCRIBE-POST", "x=y"))
    message = with_link(replace(INVITATION, headers=own), URL)
    assert message.headers == (("X-Kept", "yes"),)
    mail = read(rendered(message, extra_headers=headers(URL)))
    assert mail.get_all("List-Unsubscribe") == [f"<{URL}>"]
    assert mail["X-Kept"] == "yes"


def test_the_link_stands_where_the_bodies_ask_for_it() -> None:
    """In text and in HTML, some ten times at most: a body of nothing but placeholders must not grow without bound."""
    asks = replace(
        INVITATION, text="Stop: {{unsubscribe_url}}", html='<a href="{{unsubscribe_url}}">stop</a> {{unsubscribe_url}}'
    )
    mail = read(rendered(with_link(asks, URL), extra_headers=headers(URL)))
    assert content(mail, "plain").strip() == f"Stop: {URL}"
    assert content(mail, "html").strip() == f'<a href="{URL}">stop</a> {URL}'
    crowded = with_link(replace(INVITATION, text="{{unsubscribe_url}}" * 50, html=None), URL)
    assert crowded.html is None
    assert (crowded.text or "").count(URL) == PLACES


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
        ("https://mail.example.com/" + "a" * 500, False),
        ("", False),
    ],
)
def test_links_lead_over_https_or_nowhere_else_than_here(base: str, fit: bool) -> None:
    """RFC 8058 wants https; plain http is for a gateway and a reader on one machine. Nothing in it needs escaping."""
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
    """The words of RFC 8058, or ours for the way back; anything else, and both at once, is no wish."""
    assert wish_of(fields) is wish


@pytest.mark.parametrize(
    "address, hint",
    [
        ("kim@example.net", "k***@example.net"),
        ("k@example.net", "k***@example.net"),
        ("Kim.Gone+list@example.net", "K***@example.net"),
    ],
)
def test_an_address_is_shown_as_a_hint(address: str, hint: str) -> None:
    """Enough to know one's own by, whatever its length."""
    assert masked(address) == hint


def test_two_recipients_have_two_links() -> None:
    """Nobody can tell one person's link from another's."""
    assert len({write_token(uuid4(), KEYS) for _ in range(100)}) == 100
