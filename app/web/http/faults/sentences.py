"""The sentence for each way in which a value can break a rule of its type, in our words.

The codes are those of pydantic: https://docs.pydantic.dev/latest/errors/validation_errors/. A code without a sentence
of its own gets that of its family.
"""

import re
from typing import Final

_SENTENCES: Final = {
    "missing": "This field is required.",
    "none_required": "Leave this field out.",
    "dict_type": "Give an object.",
    "mapping_type": "Give an object.",
    "model_type": "Give an object.",
    "model_attributes_type": "Give an object.",
    "list_type": "Give a list.",
    "tuple_type": "Give a list.",
    "set_type": "Give a list.",
    "iterable_type": "Give a list.",
    "uuid_type": "Give an id, such as 018f3c2e-5d1a-7c3b-9e4f-0a1b2c3d4e5f.",
    "uuid_parsing": "Give an id, such as 018f3c2e-5d1a-7c3b-9e4f-0a1b2c3d4e5f.",
    "uuid_version": "Give an id, such as 018f3c2e-5d1a-7c3b-9e4f-0a1b2c3d4e5f.",
    "string_unicode": "Give a text in UTF-8.",
    "finite_number": "Give a number.",
}
_FAMILIES: Final = {
    "bool": "Give true or false.",
    "int": "Give a whole number.",
    "float": "Give a number.",
    "decimal": "Give a number.",
    "complex": "Give a number.",
    "string": "Give a string.",
    "bytes": "Give a string.",
    "date": "Give a date, such as 2026-03-01.",
    "datetime": "Give a time (RFC 3339), such as 2026-03-01T10:00:00Z.",
    "time": "Give a time (RFC 3339), such as 2026-03-01T10:00:00Z.",
    "timezone": "Give a time with its zone (RFC 3339), such as 2026-03-01T10:00:00Z.",
    "uuid": "Give an id, such as 018f3c2e-5d1a-7c3b-9e4f-0a1b2c3d4e5f.",
    "url": "Give a URL.",
    "enum": "Give one of the values that the documentation lists.",
    "literal": "Give one of the values that the documentation lists.",
    "json": "Give JSON.",
}
_PATTERN: Final = re.compile(r"String should match pattern '\^?(.{1,200}?)\$?'")
_LENGTH: Final = re.compile(r"should have at (most|least) (\d{1,12}) (item|character|byte|key)s?\b")
_BOUNDS: Final = (
    ("Input should be greater than or equal to ", "Give at least {}."),
    ("Input should be greater than ", "Give more than {}."),
    ("Input should be less than or equal to ", "Give at most {}."),
    ("Input should be less than ", "Give less than {}."),
    ("Input should be a multiple of ", "Give a multiple of {}."),
    ("Input should be ", "Give {}."),
)


def sentence_of(code: str, own: str) -> str:
    """The sentence for a code; `own` is that of pydantic, or of a rule of ours, which is kept."""
    if pattern := _PATTERN.fullmatch(own):
        return f"Give a text of the form {pattern[1]}."
    if length := _LENGTH.search(own):
        return f"Give at {length[1]} {length[2]} {length[3]}{'' if length[2] == '1' else 's'}."
    if code in _SENTENCES:
        return _SENTENCES[code]
    for beginning, ours in _BOUNDS:
        if own.startswith(beginning) and code in _WITH_A_BOUND:
            return ours.format(own.removeprefix(beginning))
    # pydantic's own sentences end without a full stop.
    is_ours = own.endswith(".") and " should " not in own
    return own if is_ours else _FAMILIES.get(code.partition("_")[0], "This value is not valid here.")


_WITH_A_BOUND: Final = frozenset(
    {
        *("greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of"),
        *("enum", "literal_error"),
    }
)
