"""Tags, as SES and SNS take and answer them."""

from typing import Any


def tags_in(answer: Any) -> dict[str, str]:
    """The tags in an answer of AWS."""
    return {tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])}


def as_list(tags: dict[str, str]) -> Any:
    """Tags in the form that SES and SNS take."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
