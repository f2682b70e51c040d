"""Bodies at rest: opened by the ring that sealed them, as the body of that mail, unaltered, or not at all."""

from base64 import urlsafe_b64encode
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.sealing import KeyRing, Unsealable

MAIL, OTHER_MAIL = UUID(int=1), UUID(int=2)


def key(fill: int) -> str:
    return urlsafe_b64encode(bytes([fill]) * 32).decode().rstrip("=")


OLD, NEW = key(1), key(2)


@given(st.binary(max_size=2000))
def test_what_is_sealed_opens_again(body: bytes) -> None:
    """Every body, the empty one included; and no two seals of it are alike."""
    ring = KeyRing([NEW])
    sealed = ring.seal(body, row_id=MAIL)
    assert ring.open(sealed, row_id=MAIL) == body
    assert ring.seal(body, row_id=MAIL) != sealed
    assert len(body) < 8 or body not in sealed.body


def test_a_new_key_still_opens_what_the_old_one_sealed() -> None:
    """The ring is rotated by putting a key in front; new mail is sealed with it."""
    before = KeyRing([OLD]).seal(b"Come and see.", row_id=MAIL)
    rotated = KeyRing([NEW, OLD])
    assert rotated.open(before, row_id=MAIL) == b"Come and see."
    after = rotated.seal(b"Come and see.", row_id=MAIL)
    assert KeyRing([NEW]).open(after, row_id=MAIL) == b"Come and see."
    with pytest.raises(Unsealable, match="not in SECRET_KEYS"):
        KeyRing([OLD]).open(after, row_id=MAIL)


def test_a_body_is_the_body_of_one_mail() -> None:
    """Moved to another row it does not open."""
    sealed = KeyRing([NEW]).seal(b"For Ann only.", row_id=MAIL)
    with pytest.raises(Unsealable):
        KeyRing([NEW]).open(sealed, row_id=OTHER_MAIL)


@pytest.mark.parametrize("part", ["body", "key"])
@pytest.mark.parametrize("position", [0, 5, 20, -1])
def test_an_altered_byte_is_noticed(part: str, position: int) -> None:
    """Wherever it stands, in the body or in its wrapped key."""
    ring = KeyRing([NEW])
    sealed = ring.seal(b"Come and see.", row_id=MAIL)
    altered = bytearray(getattr(sealed, part))
    altered[position] ^= 1
    with pytest.raises(Unsealable):
        ring.open(replace(sealed, **{part: bytes(altered)}), row_id=MAIL)


def test_derived_keys_outlive_a_rotation_and_differ_by_purpose() -> None:
    """The hashes of suppressed addresses in Redis stay the same when a newer key is put in front."""
    assert KeyRing([NEW, OLD]).derive("positives") == KeyRing([OLD]).derive("positives")
    assert KeyRing([OLD]).derive("positives") != KeyRing([OLD]).derive("unsubscribe")
    assert KeyRing([NEW]).derive("positives") != KeyRing([OLD]).derive("positives")
