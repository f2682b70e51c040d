"""The tags of an email in their JSON column: the value of each name, or a list of values where a name is given twice.

It decides that form, and how an email is found by a tag. Most emails give a name once, and keep the form that the index
of the column answers with one look; a repeated name costs it a second one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, cast, func, or_
from sqlalchemy.dialects.postgresql import JSONB

Stored = dict[str, str | list[str]]


def stored_tags(tags: Sequence[tuple[str, str]]) -> Stored:
    """The tags as their column keeps them. A tag that is given twice with one value counts once."""
    values: dict[str, list[str]] = {}
    for name, value in dict.fromkeys(tags):
        values.setdefault(name, []).append(value)
    return {name: found if len(found) > 1 else found[0] for name, found in values.items()}


def read_tags(stored: Mapping[str, str | list[str]]) -> tuple[tuple[str, str], ...]:
    """The tags that the column keeps, those of one name together and in the order in which they were given."""
    return tuple(
        (name, value) for name, found in stored.items() for value in ([found] if isinstance(found, str) else found)
    )


def has_tag_by_index(tags: ColumnElement[Any], tag: tuple[str, str]) -> ColumnElement[bool]:
    """Whether the column has the tag, in the form that PostgreSQL's index of it answers."""
    name, value = tag
    # An object contains another if each value does; a list contains a list of some of its values, never a bare value.
    return or_(
        tags.op("@>", is_comparison=True)(cast({name: value}, JSONB)),
        tags.op("@>", is_comparison=True)(cast({name: [value]}, JSONB)),
    )


def has_tag(tags: ColumnElement[Any], tag: tuple[str, str]) -> ColumnElement[bool]:
    """Whether the column has the tag, in every database and for few rows. Values are words without quotes."""
    name, value = tag
    text = tags[name].as_string()
    return or_(text == value, func.replace(text, f'"{value}"', "") != text)
