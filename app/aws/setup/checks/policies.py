"""What the policy of a topic or a queue says: whether a service may write, and whether anybody may.

It judges the statements that AWS documents for these resources. A condition that it does not know is taken as a
restriction that holds: the events themselves show whether they arrive.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

Json = Mapping[str, Any]

# Global condition keys that restrict who writes
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
_RESTRICT: Final = frozenset(
    {"aws:sourceaccount", "aws:sourceowner", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths"}
    | {"aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths", "aws:sourcevpce"}
)
_EQUAL: Final = frozenset({"stringequals", "stringequalsignorecase", "arnequals", "stringlike", "arnlike"})


class Policy:
    """One resource policy, as its JSON text."""

    def __init__(self, text: str) -> None:
        """Raise ValueError when it is no JSON object."""
        parsed = json.loads(text)
        if not isinstance(parsed, dict):
            raise ValueError("a policy is a JSON object")  # noqa: TRY004 - the caller expects one kind of error
        self._statements = _listed(parsed.get("Statement", []))

    def lets(self, service: str, action: str, facts: Mapping[str, str]) -> bool:
        """Whether the service may do this. `facts` are the values of condition keys, by their lower-case names."""
        concerning = [one for one in self._statements if _has_action(one, action) and _includes(one, service)]
        if any(one.get("Effect") == "Deny" and not one.get("Condition") for one in concerning):
            return False
        return any(one.get("Effect") == "Allow" and _holds(one, facts) for one in concerning)

    def is_open(self, action: str) -> bool:
        """Whether anybody at all may do this."""
        return any(
            one.get("Effect") == "Allow" and _has_action(one, action) and _is_anybody(one) and not _is_restricted(one)
            for one in self._statements
        )

    def serves_strangers(self, service: str, action: str) -> bool:
        """Whether the service may do this on behalf of any AWS account, since no condition names ours."""
        return any(
            one.get("Effect") == "Allow"
            and _has_action(one, action)
            and service in _principals(one, "Service")
            and not _is_restricted(one)
            for one in self._statements
        )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _has_action(statement: Json, action: str) -> bool:
    # Actions are compared without regard to case.
    return any(fnmatchcase(action.lower(), str(one).lower()) for one in _listed(statement.get("Action", [])))


def _principals(statement: Json, kind: str) -> list[str]:
    principal = statement.get("Principal")
    return _listed(principal.get(kind, [])) if isinstance(principal, dict) else []


def _is_anybody(statement: Json) -> bool:
    return statement.get("Principal") == "*" or "*" in _principals(statement, "AWS")


def _includes(statement: Json, service: str) -> bool:
    return _is_anybody(statement) or service in _principals(statement, "Service")


def _conditions(statement: Json) -> Iterator[tuple[str, str, list[str]]]:
    """Operator, key and values of each condition, the first two in lower case."""
    for operator, pairs in (statement.get("Condition") or {}).items():
        for key, values in pairs.items():
            yield operator.lower(), key.lower(), [str(value) for value in _listed(values)]


def _is_restricted(statement: Json) -> bool:
    return any(
        operator in _EQUAL and key in _RESTRICT and "*" not in values
        for operator, key, values in _conditions(statement)
    )


def _holds(statement: Json, facts: Mapping[str, str]) -> bool:
    return all(
        operator not in _EQUAL or key not in facts or any(fnmatchcase(facts[key], value) for value in values)
        for operator, key, values in _conditions(statement)
    )
