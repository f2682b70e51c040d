"""Every kind of incident has its sentences, the same in the console and in the documentation."""

import re
from collections.abc import Iterator
from pathlib import Path

from app.domain.operating.incident_kinds import KINDS, Kind, kind_of

DOCS = Path(__file__).parents[3] / "docs" / "operations.md"
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def documented() -> Iterator[tuple[str, Kind]]:
    """Yield the rows of the table of incidents, without its links."""
    for line in DOCS.read_text(encoding="utf-8").partition("\n## Incidents")[2].splitlines():
        if line.startswith("| `"):
            kind, _, happened, todo = map(sentence, line.strip("|").split("|"))
            yield kind.strip("`."), Kind(happened=happened, todo=todo)


def sentence(cell: str) -> str:
    """The text of a cell as sentences."""
    text = LINK.sub(r"\1", cell.strip())
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def test_the_documentation_has_the_same_sentences() -> None:
    """A kind that is new in one of them has to be in the other."""
    assert dict(documented()) == KINDS


def test_a_kind_of_another_version_is_shown_too() -> None:
    """With where to look it up."""
    assert "docs/operations.md" in kind_of("of_tomorrow").todo
