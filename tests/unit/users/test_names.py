"""The names and passwords of users."""

import pytest

from app.domain.errors import ValidationFailed
from app.domain.users.names import check_password, parse_name


@pytest.mark.parametrize(
    "given, name",
    [("kim", "kim"), (" Kim ", "kim"), ("Kim+Ops@Example.com", "kim+ops@example.com"), ("k" * 64, "k" * 64)],
)
def test_a_name_is_trimmed_and_in_lower_case(given: str, name: str) -> None:
    """So a person may type it as they like; an email address may be a name."""
    assert parse_name(given) == name


@pytest.mark.parametrize("given", ["", "  ", "k" * 65, "kim lee", "kím", "kim/lee", "<kim>", "kim\0"])
def test_another_name_is_refused_and_not_repeated(given: str) -> None:
    """The error names the field and the rule."""
    with pytest.raises(ValidationFailed) as refused:
        parse_name(given)
    assert refused.value.faults[0].pointer == "/name"
    assert "kim lee" not in refused.value.detail


@pytest.mark.parametrize("password", ["correct horse", "x" * 12, "x" * 256, "            ", "пароль-пароль", "\0" * 12])
def test_a_password_may_have_any_characters(password: str) -> None:
    """Its length is all that counts."""
    check_password(password, name="kim")


@pytest.mark.parametrize("password", ["", "x" * 11, "x" * 257, "kim@example.com", " KIM@Example.com "])
def test_a_password_is_not_short_nor_huge_nor_the_name(password: str) -> None:
    """The error names the field."""
    with pytest.raises(ValidationFailed) as refused:
        check_password(password, name="kim@example.com")
    assert refused.value.faults[0].pointer == "/password"
