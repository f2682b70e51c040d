"""What a resource's own policy lets an AWS service do.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

IF_EXISTS = "IfExists"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a service wants to do: `context` has the condition keys that it sends, such as `aws:SourceArn`."""

    service: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def allows(policy: str | None, wish: Wish) -> bool:
    """Return whether a statement allows the wish and none denies it. Without a policy nothing is allowed."""
    if not policy:
        return False
    matching = [statement.get("Effect") for statement in _statements(json.loads(policy)) if _matches(statement, wish)]
    return "Allow" in matching and "Deny" not in matching


def fault_of_policy(policy: str) -> str | None:
    """Return why the text is no policy that the simulator can evaluate, otherwise None."""
    try:
        document = json.loads(policy)
        statements = list(_statements(document)) if isinstance(document, dict) else []
    except ValueError:
        return "Policy is not JSON"
    if not statements:
        return "Policy has no statement"
    for statement in statements:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            return "Policy statement must have an Effect"
        if not {"Principal", "NotPrincipal"} & set(statement):
            return "Policy statement must contain a principal"
        if not {"Action", "NotAction"} & set(statement):
            return "Policy statement must contain actions"
        unknown = [name for name in statement.get("Condition") or {} if name.removesuffix(IF_EXISTS) not in OPERATORS]
        if unknown:
            return f"unknown condition operator {unknown[0]}"
    return None


def actions_of(policy: str) -> list[str]:
    """Return the actions that the statements of a policy name."""
    statements = _statements(json.loads(policy))
    return [str(one) for each in statements for one in _list(each.get("Action")) + _list(each.get("NotAction"))]


def _statements(document: Mapping[str, Any]) -> Iterator[Any]:
    yield from _list(document.get("Statement"))


def _matches(statement: Mapping[str, Any], wish: Wish) -> bool:
    names = (
        _names(statement, "Principal", lambda given: _is_principal(given, wish.service))
        and _names(statement, "Action", lambda given: _any_like(given, wish.action))
        and _names(statement, "Resource", lambda given: _any_like(given, wish.resource), absent=True)
    )
    return names and _meets(statement.get("Condition") or {}, wish.context)


def _names(statement: Mapping[str, Any], element: str, matches: Callable[[Any], bool], *, absent: bool = False) -> bool:
    if element in statement:
        return matches(statement[element])
    if f"Not{element}" in statement:
        return not matches(statement[f"Not{element}"])
    return absent


def _is_principal(given: Any, service: str) -> bool:
    if given == "*":
        return True
    if not isinstance(given, dict):
        return False
    return "*" in _list(given.get("AWS")) or bool({service, "*"} & set(_list(given.get("Service"))))


def _meets(conditions: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    present = {key.lower(): value for key, value in context.items()}
    return all(
        _meets_one(operator, present.get(key.lower()), [str(one) for one in _list(wanted)])
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _meets_one(operator: str, value: str | None, wanted: list[str]) -> bool:
    """Several values are alternatives; a negated operator excludes each, and holds for a key that is not sent."""
    name = operator.removesuffix(IF_EXISTS)
    if name == "Null":
        return any((value is None) == (one.lower() == "true") for one in wanted)
    if value is None:
        return "Not" in name or operator.endswith(IF_EXISTS)
    found = any(OPERATORS[name](value, one) for one in wanted)
    return found != ("Not" in name)


def _any_like(given: Any, value: str) -> bool:
    return any(_is_like(value.lower(), str(pattern).lower()) for pattern in _list(given))


def _is_like(value: str, pattern: str) -> bool:
    """Match with `*` for any characters and `?` for one."""
    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _is_equal(value: str, wanted: str) -> bool:
    return value == wanted


def _is_equal_in_any_case(value: str, wanted: str) -> bool:
    return value.lower() == wanted.lower()


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": _is_equal,
    "StringNotEquals": _is_equal,
    "StringEqualsIgnoreCase": _is_equal_in_any_case,
    "StringNotEqualsIgnoreCase": _is_equal_in_any_case,
    "StringLike": _is_like,
    "StringNotLike": _is_like,
    # IAM compares ARNs with wildcards by all four.
    "ArnEquals": _is_like,
    "ArnNotEquals": _is_like,
    "ArnLike": _is_like,
    "ArnNotLike": _is_like,
    "Bool": _is_equal_in_any_case,
    "Null": _is_equal,
}


def _list(given: Any) -> list[Any]:
    if given is None:
        return []
    return given if isinstance(given, list) else [given]
