"""Turn pydantic's validation errors into the API's faults: a pointer into the request, a stable code, one sentence.

A fault never repeats the rejected value, and never uses pydantic's own sentences (`app.web.http.faults.sentences`).
"""

import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.domain.errors import Fault, ValidationFailed
from app.web.http.faults.near_names import names_at, nearest
from app.web.http.faults.sentences import sentence_of

Model = TypeVar("Model", bound=BaseModel)

_MEANT = re.compile(r"did you mean `([A-Za-z0-9_]{1,64})`")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")

# Fields of Resend that callers may expect. If one were ignored, another email would be sent than the caller wanted.
_NOT_SUPPORTED = {
    "template": "Templates are not supported. Send the rendered html and text.",
    "topic_id": "Topics are not supported. Use stream instead.",
    "path": "Files are not fetched from URLs. Send the content.",
}


def check(model: type[Model], value: Any) -> Model:
    """`value` as `model`. Raises `ValidationFailed` with a fault for each field that breaks a rule."""
    found = attempt(model, value)
    if isinstance(found, tuple):
        raise refusal(found)
    return found


def attempt(model: type[Model], value: Any) -> Model | tuple[Fault, ...]:
    """`value` as `model`, or a fault for each field that breaks a rule."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False, include_context=False)
        faults = (_fault(model, detail["type"], detail["loc"], detail["msg"], value) for detail in details)
        return _most_useful_first(tuple(dict.fromkeys(faults)))


def _most_useful_first(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """The faults with suggestions first, without those of fields that are missing under the suggested name.

    The sentence of the answer is that of the first fault, and SDKs show nothing else.
    """
    found = ((fault.pointer.rpartition("/")[0], _MEANT.search(fault.detail)) for fault in faults)
    meant = {f"{place}/{name[1]}" for place, name in found if name}
    kept = [fault for fault in faults if fault.code != "missing" or fault.pointer not in meant]
    return tuple(sorted(kept, key=lambda fault: _MEANT.search(fault.detail) is None))


def refusal(faults: tuple[Fault, ...]) -> ValidationFailed:
    """The error for these faults. Its sentence is that of the first fault, and the number of the others."""
    first = faults[0]
    place = f"{first.pointer}: " if first.pointer else ""
    rest = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
    return ValidationFailed(f"{place}{first.detail}{rest}", faults=faults)


def below(prefix: str, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """The faults of a part of a request, with pointers from the root of the request."""
    return tuple(Fault(prefix + fault.pointer, fault.code, fault.detail) for fault in faults)


def _fault(model: type[BaseModel], code: str, location: tuple[int | str, ...], sentence: str, value: Any) -> Fault:
    if code == "extra_forbidden":
        return _unknown_field(model, location, value)
    return Fault(_pointer(location, value, missing=code == "missing"), code, sentence_of(code, sentence))


def _unknown_field(model: type[BaseModel], location: tuple[int | str, ...], value: Any) -> Fault:
    """The fault of an unknown field, with the known one that it nearly is.

    The client chose its name: it is repeated only if it looks like a field name.
    """
    name = str(location[-1])
    if name in _NOT_SUPPORTED:
        return Fault(_pointer(location, value), "not_supported", _NOT_SUPPORTED[name])
    if not _FIELD_NAME.fullmatch(name):
        return Fault(_pointer(location[:-1], value), "unknown_field", "The API does not know a field of this object.")
    near = nearest(name, names_at(model, location[:-1]))
    meant = f"The API does not know this field; did you mean `{near}`?" if near else "The API does not know this field."
    return Fault(_pointer(location, value), "unknown_field", meant)


def _pointer(location: tuple[int | str, ...], value: Any, *, missing: bool = False) -> str:
    """The JSON pointer (RFC 6901) of `location`, without the steps that pydantic adds and the request does not have."""
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
