"""What pydantic found wrong, told in the API's terms: a pointer into the request, a stable code, one sentence.

It never passes on the rejected value. pydantic's own words are used only where they speak of the rule.
"""

import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.domain.errors import Fault, ValidationFailed

Model = TypeVar("Model", bound=BaseModel)

_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")

# Fields of Resend's that callers may hope for. To ignore one would send another mail than was meant.
_NOT_SUPPORTED = {
    "template": "Templates are not kept here; send the rendered html and text.",
    "topic_id": "Topics are not kept here; name the list of mail with stream.",
    "path": "Files are not fetched from addresses; send the content.",
}
_SENTENCES = {
    "missing": "This field is required.",
    "string_type": "Give a string.",
    "dict_type": "Give an object.",
    "model_type": "Give an object.",
    "model_attributes_type": "Give an object.",
    "list_type": "Give a list.",
    "tuple_type": "Give a list.",
    "uuid_type": "Give an id.",
    "uuid_parsing": "Give an id.",
}


def check(model: type[Model], value: Any) -> Model:
    """`value` as `model`; else `ValidationFailed` with a fault for each field that breaks a rule."""
    found = attempt(model, value)
    if isinstance(found, tuple):
        raise refusal(found)
    return found


def attempt(model: type[Model], value: Any) -> Model | tuple[Fault, ...]:
    """`value` as `model`, or the faults that keep it from being one."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False, include_context=False)
        return tuple(dict.fromkeys(_fault(detail["type"], detail["loc"], detail["msg"], value) for detail in details))


def refusal(faults: tuple[Fault, ...]) -> ValidationFailed:
    """The error for these faults; its sentence is the first of them and the number of the others."""
    first = faults[0]
    place = f"{first.pointer}: " if first.pointer else ""
    rest = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
    return ValidationFailed(f"{place}{first.detail}{rest}", faults=faults)


def below(prefix: str, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """The faults of a part of a request, with pointers from the whole."""
    return tuple(Fault(prefix + fault.pointer, fault.code, fault.detail) for fault in faults)


def _fault(code: str, location: tuple[int | str, ...], sentence: str, value: Any) -> Fault:
    if code == "extra_forbidden":
        return _unknown_field(location, value)
    return Fault(_pointer(location, value, missing=code == "missing"), code, _SENTENCES.get(code, sentence))


def _unknown_field(location: tuple[int | str, ...], value: Any) -> Fault:
    """A field nobody knows. Its name is a value of the sender's choosing, and repeated only if it looks like a name."""
    name = str(location[-1])
    if name in _NOT_SUPPORTED:
        return Fault(_pointer(location, value), "not_supported", _NOT_SUPPORTED[name])
    if not _FIELD_NAME.fullmatch(name):
        return Fault(_pointer(location[:-1], value), "unknown_field", "The API does not know a field of this object.")
    return Fault(_pointer(location, value), "unknown_field", "The API does not know this field.")


def _pointer(location: tuple[int | str, ...], value: Any, *, missing: bool = False) -> str:
    """The JSON pointer (RFC 6901) of `location`, without the steps that are pydantic's own and not in the request."""
    steps = []
    for step in location:
        if isinstance(value, dict) and (step in value or (missing and step == location[-1])):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            continue
        steps.append(str(step).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{step}" for step in steps)
