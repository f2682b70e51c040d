"""Templates that come with a request: names are replaced, and whatever else Handlebars has is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from app.web.ses.inline_template import Template

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in {"else", "this", "true", "false", "null", "undefined"}
)
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="{}\\"), max_size=20)

VALUES_OF_NO_TEXT: tuple[object, ...] = (None, [], {}, 1e21, 1e-7)


@pytest.mark.parametrize(
    "text, values, filled",
    [
        ("", {}, ""),
        ("Hello {{name}}, {{ name }}!", {"name": "Ann"}, "Hello Ann, Ann!"),
        ("{{person.name.first}}", {"person": {"name": {"first": "Ann"}}}, "Ann"),
        ("<p>{{html}}</p>", {"html": "<b>&</b>"}, "<p><b>&</b></p>"),
        ("{{name}}", {"name": "{{other}}", "other": "no"}, "{{other}}"),
        ("{ {name} }", {}, "{ {name} }"),
        ("{{n}}", {"n": 7}, "7"),
        ("{{n}}", {"n": 7.0}, "7"),
        ("{{n}}", {"n": 7.25}, "7.25"),
        ("{{n}}", {"n": -0.5}, "-0.5"),
        ("{{n}}", {"n": True}, "true"),
        ("{{n}}", {"n": False}, "false"),
        ("{{n}}", {"n": ""}, ""),
    ],
)
def test_a_place_gets_its_value_as_it_is(text: str, values: dict[str, object], filled: str) -> None:
    """Numbers and truth values read as JavaScript writes them, as at SES; nothing is escaped or filled twice."""
    template = Template(text)
    assert not template.missing(values)
    assert template.fill(values) == filled
    assert template.size(values) == len(filled)


@pytest.mark.parametrize(
    "text",
    [
        "{{#if a}}b{{/if}}",
        "{{#each list}}{{this}}{{/each}}",
        "{{else}}",
        "{{this}}",
        "{{this.name}}",
        "{{{name}}}",
        "{{&name}}",
        "{{> part}}",
        "{{! said}}",
        "{{!-- said --}}",
        "{{~name~}}",
        "{{name other}}",
        "{{helper 'text'}}",
        "{{a.[0]}}",
        "{{../a}}",
        "{{a/b}}",
        "{{@index}}",
        "{{true}}",
        "{{}}",
        "{{name",
        "name}}",
        "\\{{name}}",
        "{{na\nme}}",
        "{{{{raw}}}}",
        "{{name}}}",
    ],
)
def test_anything_else_of_handlebars_is_refused(text: str) -> None:
    """An email that reads differently than at SES would be worse than none."""
    with pytest.raises(PydanticCustomError):
        Template(text)


@pytest.mark.parametrize(
    "values",
    [{}, {"a": {}}, {"a": "b"}, *({"a": {"b": value}} for value in VALUES_OF_NO_TEXT)],
)
def test_a_place_without_one_text_is_missing(values: dict[str, object]) -> None:
    """So is a number that JavaScript writes in another way."""
    assert Template("{{a.b}}").missing(values)


@settings(max_examples=40)
@given(st.lists(st.tuples(PLAIN, NAMES)), PLAIN, st.dictionaries(NAMES, st.text(max_size=20)))
def test_what_is_filled_is_what_stands_between_and_the_values(
    parts: list[tuple[str, str]], end: str, values: dict[str, str]
) -> None:
    """Whatever the texts are; and the size is known before anything is filled."""
    template = Template("".join(f"{plain}{{{{{name}}}}}" for plain, name in parts) + end)
    known = json.loads(json.dumps(values))
    assert template.missing(known) == any(name not in values for _, name in parts)
    if not template.missing(known):
        filled = "".join(plain + values[name] for plain, name in parts) + end
        assert template.fill(known) == filled
        assert template.size(known) == len(filled)
