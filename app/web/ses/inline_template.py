"""Templates that come with the request: `{{name}}` and `{{person.name}}`, replaced by the values of a JSON object.

SES reads them as Handlebars (https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-advanced.html). Postern
reads only these two forms. Anything else of Handlebars is refused: an email that reads differently would be worse. As
at SES, values are not escaped for HTML, and a name without a value is a failure.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import PydanticCustomError

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_PLACE: Final = re.compile(rf"(?<![{{\\])\{{\{{[ \t]*({_NAME}(?:\.{_NAME})*)[ \t]*\}}\}}(?!\}})")
_WORDS: Final = frozenset({"else", "this", "true", "false", "null", "undefined"})
_WHOLE: Final = 10**15
_FRACTION: Final = 10**-4


class Template:
    """One text with places for values. Raises `PydanticCustomError` for a text that has more than that."""

    def __init__(self, text: str) -> None:
        self._parts = _PLACE.split(text)
        names = {name.partition(".")[0] for name in self._parts[1::2]}
        if any("{{" in part or "}}" in part for part in self._parts[::2]) or names & _WORDS:
            rule = "Templates have {{name}} and {{person.name}}: blocks, helpers and other forms are not supported."
            raise PydanticCustomError("template", "{rule}", {"rule": rule})

    def missing(self, values: Mapping[str, Any]) -> bool:
        """Whether a place has no value, or one that is no text, number or truth value."""
        return any(_value(values, name) is None for name in set(self._parts[1::2]))

    def size(self, values: Mapping[str, Any]) -> int:
        """How many characters the text has with these values, of which none is `missing`."""
        known = {name: len(_value(values, name) or "") for name in set(self._parts[1::2])}
        return sum(map(len, self._parts[::2])) + sum(known[name] for name in self._parts[1::2])

    def fill(self, values: Mapping[str, Any]) -> str:
        """The text with these values, of which none is `missing`."""
        parts = list(self._parts)
        parts[1::2] = [_value(values, name) or "" for name in parts[1::2]]
        return "".join(parts)


def _value(values: Mapping[str, Any], name: str) -> str | None:
    """The value of a place as text; None where there is none that has one way to be written."""
    found: Any = values
    for step in name.split("."):
        if not isinstance(found, Mapping) or step not in found:
            return None
        found = found[step]
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int | float):
        return _number(found)
    return found if isinstance(found, str) else None


def _number(value: float) -> str | None:
    """A number as JavaScript writes it; None for one that it writes in another way than Python."""
    if value == int(value) and abs(value) < _WHOLE:
        return str(int(value))
    return str(value) if _FRACTION < abs(value) < _WHOLE else None
