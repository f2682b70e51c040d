"""The kind of a key is seen in its text, and no kind is taken for another."""

import re

from hypothesis import given
from hypothesis import strategies as st

from app.domain.apps.key_kinds import ID_PATTERN, KeyKind, public_half

PUBLIC_IDS = st.from_regex(r"[a-z0-9]{12}", fullmatch=True)
SECRETS = st.from_regex(r"[A-Za-z0-9_-]{43}", fullmatch=True)


def test_a_person_sees_the_kind() -> None:
    """A live key looks as keys always did."""
    assert KeyKind.LIVE.access_key_id("k3v9q0x2m5ab") == "ptn_k3v9q0x2m5ab"
    assert KeyKind.TEAM.access_key_id("k3v9q0x2m5ab") == "ptn_team_k3v9q0x2m5ab"


@given(st.sampled_from(KeyKind), PUBLIC_IDS, SECRETS)
def test_each_form_of_a_key_leads_to_its_public_half(kind: KeyKind, public_id: str, secret: str) -> None:
    """Whatever is in the id and in the secret."""
    key_id = kind.access_key_id(public_id)
    assert re.fullmatch(f"ptn_{ID_PATTERN}", key_id)
    for form in (public_id, key_id, f"{key_id}_{secret}"):
        assert public_half(form) == public_id
