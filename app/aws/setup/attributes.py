"""Attributes of SNS and SQS, which are all text: numbers, and policies in JSON."""

import json
from typing import Final

from app.domain.account.setup.resources import Json

_IN_JSON: Final = frozenset({"Policy", "DeliveryPolicy", "RedrivePolicy"})


def read(name: str, text: str | None) -> Json:
    """The value of an attribute: AWS keeps policies as text."""
    if text and name in _IN_JSON:
        try:
            value: Json = json.loads(text)
        except ValueError:
            return text
        return value
    return text


def written(value: Json) -> str:
    """The text of an attribute."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
