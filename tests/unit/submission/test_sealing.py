"""Bodies at rest: they open only with the key ring that sealed them, for their own email, and unaltered."""

from base64 import urlsafe_b64encode
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.submission.sealing import KeyRing, UnknownSealingKey, Unsealable

MAIL, OTHER_MAIL = UUID(int=1), UUID(int=2)


def key(fill: int) -> str:
    return urlsafe_b64encode(bytes([fill]) * 32).decode().rstrip("=")


OLD, NEW = key(1), key(2)


@given(st.binary(max_size=2000))
def test_a_sealed_body_opens_again(body: bytes) -> None:
    """Every body opens, an empty one included; sealing it twice gives different bytes."""
    ring = KeyRing([NEW])
    sealed = ring.seal(body, row_id=MAIL)
    assert ring.open(sealed, row_id=MAIL) == body
    assert ring.seal(body, row_id=MAIL) != sealed
    assert len(body) < 8 or body not in sealed.body


def test_a_new_key_still_opens_what_the_old_one_sealed() -> None:
    """To rotate the ring, a key is put in front; new emails are sealed with it."""
    before = KeyRing([OLD]).seal(b"Come and see.", row_id=MAIL)
    rotated = KeyRing([NEW, OLD])
    assert rotated.open(before, row_id=MAIL) == b"Come and see."
    after = rotated.seal(b"Come and see.", row_id=MAIL)
    assert KeyRing([NEW]).open(after, row_id=MAIL) == b"Come and see."
    with pytest.raises(UnknownSealingKey, match="not in the SECRET_KEYS"):
        KeyRing([OLD]).open(after, row_id=MAIL)


def test_a_missing_key_is_no_lost_body() -> None:
    """A body without a key is not treated as lost, since another process may open it; the error names the key."""
    sealed = KeyRing([NEW]).seal(b"Come and see.", row_id=MAIL)
    with pytest.raises(UnknownSealingKey) as refused:
        KeyRing([OLD]).open(sealed, row_id=MAIL)
    assert not isinstance(refused.value, Unsealable)
    assert refused.value.key_id == sealed.key[:4].hex()


def test_a_body_opens_only_for_its_own_email() -> None:
    """A body that is moved to another row does not open."""
    sealed = KeyRing([NEW]).seal(b"For Ann only.", row_id=MAIL)
    with pytest.raises(Unsealable):
        KeyRing([NEW]).open(sealed, row_id=OTHER_MAIL)


@pytest.mark.parametrize("part", ["body", "key"])
@pytest.mark.parametrize("position", [0, 5, 20, -1])
def test_an_altered_byte_is_noticed(part: str, position: int) -> None:
    """A changed byte anywhere in the body or in its wrapped key is an error."""
    ring = KeyRing([NEW])
    sealed = ring.seal(b"Come and see.", row_id=MAIL)
    altered = bytearray(getattr(sealed, part))
    altered[position] ^= 1
    in_the_id_of_the_key = (part, position) == ("key", 0)
    with pytest.raises(UnknownSealingKey if in_the_id_of_the_key else Unsealable):
        ring.open(replace(sealed, **{part: bytes(altered)}), row_id=MAIL)


def test_derived_keys_outlive_a_rotation_and_differ_by_purpose() -> None:
    """The hashes of suppressed addresses in Redis stay the same when a newer key is put in front."""
    assert KeyRing([NEW, OLD]).derive("positives") == KeyRing([OLD]).derive("positives")
    assert KeyRing([OLD]).derive("positives") != KeyRing([OLD]).derive("unsubscribe")
    assert KeyRing([NEW]).derive("positives") != KeyRing([OLD]).derive("positives")
