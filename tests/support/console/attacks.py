"""Texts that attack a page which shows them, and how to see that they did nothing."""

from typing import Final

SCRIPT: Final = "<script>alert(1)</script>"
IMAGE: Final = "\"'><img src=x onerror=alert(1)>"


def require_harmless(page: str) -> None:
    """Fail if a text of an attack is in the page as markup."""
    assert "<script>alert" not in page
    assert "<img src=x" not in page
