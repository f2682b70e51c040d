"""What werkzeug makes anew for every route of an application, made once for all tests.

Otherwise the routes take most of the time that an application takes to make, and as much again as garbage.
"""

from collections.abc import Callable
from functools import cache
from types import MethodType

import pytest
from werkzeug.routing import Rule

PARSED = ("_parts", "_trace", "_converters", "arguments")
"""What the parsing of a route sets on a rule, and nothing changes."""

Builder = Callable[..., tuple[str, str]]


def parse_routes_once(patch: pytest.MonkeyPatch) -> None:
    """A route is parsed once, and how to build its URL is compiled when one is built."""
    parse, compile_builder = Rule.compile, vars(Rule)["_compile_builder"]
    parsed: dict[object, dict[str, object]] = {}
    builders: dict[object, Builder] = {}

    def route(rule: Rule) -> object:
        return rule.rule, repr(rule.defaults), rule.strict_slashes, rule.merge_slashes

    def parse_once(rule: Rule) -> None:
        own, known = vars(rule), parsed.get(route(rule))
        if known is None:
            parse(rule)
            parsed[route(rule)] = {name: own[name] for name in PARSED}
        else:
            own.update(known)
            for name, append_unknown in (("_build", False), ("_build_unknown", True)):
                own[name] = MethodType(compile_when_used(rule, append_unknown), rule)

    def compile_when_used(rule: Rule, append_unknown: bool = True) -> Builder:
        key = (route(rule), append_unknown)
        if key not in builders:
            compiled = cache(lambda: compile_builder(rule, append_unknown))
            builders[key] = lambda bound, /, **values: compiled()(bound, **values)
        return builders[key]

    patch.setattr(Rule, "compile", parse_once)
    patch.setattr(Rule, "_compile_builder", compile_when_used)
