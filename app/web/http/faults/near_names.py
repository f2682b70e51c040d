"""The known name that an unknown field nearly is: `replyTo`, `reply-to` and `reply_too` are all `reply_to`."""

import difflib
import re
from collections.abc import Collection, Iterator
from typing import Any, Final, get_args

from pydantic import BaseModel

_SIMILAR: Final = 0.75


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that `name` nearly is; None if it is like none of them."""
    folded = {_folded(one): one for one in known}
    if (same := folded.get(_folded(name))) is not None:
        return same
    close = difflib.get_close_matches(_folded(name), folded, n=1, cutoff=_SIMILAR)
    return folded[close[0]] if close else None


def names_at(model: type[BaseModel], location: tuple[int | str, ...]) -> frozenset[str]:
    """The names of the fields of the object at a place in a request."""
    models = [model]
    for step in location:
        # pydantic puts the names of the members of a union between the fields; those lead to no field.
        fields = [one.model_fields[str(step)] for one in models if str(step) in one.model_fields]
        models = [inner for field in fields for inner in _models_in(field.annotation)] or models
    return frozenset(field.alias or name for one in models for name, field in one.model_fields.items())


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
