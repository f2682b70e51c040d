"""The user that the docs say Redis needs for Postern."""

import re

from tests.support.house.sources import CHECKOUT

NAME = "postern"


def user_of_the_docs(password: str) -> list[str]:
    """The rules of docs/operations.md for that user, in their order."""
    page = (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")
    lines = re.findall(rf"^ACL SETUSER {NAME} (.*)$", page, re.MULTILINE)
    return [rule.replace("PASSWORD", password) for line in lines for rule in line.split()]
