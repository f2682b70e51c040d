"""No service writes recipients silently: each hands what it wrote to `note_moves`, which counts it and passes it on."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[3]
SERVICES: Final = CHECKOUT / "app/services"
WRITES: Final = {
    "recipients.save",
    "recipients.save_accepted",
    "save_isolated",
    "emails.add",
    "bounce_pages.show_cause",
}
# It only keeps one bad row from holding up the others, for services that note the moves themselves.
ONLY_PASSES_ON: Final = SERVICES / "isolation.py"


def called(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def writers() -> list[Path]:
    return [file for file in sorted(SERVICES.rglob("*.py")) if file != ONLY_PASSES_ON and WRITES & set(called(file))]


def test_every_service_that_writes_recipients_notes_the_moves() -> None:
    """Counts, budgets and webhooks follow from the moves: one that is not noted is missing from all of them."""
    silent = [str(file.relative_to(CHECKOUT)) for file in writers() if "note_moves" not in called(file)]
    assert silent == []


def test_the_rule_knows_the_services_that_write_recipients() -> None:
    """Otherwise the rule would hold for nothing."""
    areas = {file.relative_to(SERVICES).parts[0] for file in writers()}
    assert areas == {"feedback", "operating", "privacy", "sending", "submission"}


def test_nothing_besides_services_writes_recipients() -> None:
    """The rule looks at services alone."""
    others = [
        file
        for folder in ("aws", "cli", "net", "web", "wiring")
        for file in (CHECKOUT / "app" / folder).rglob("*.py")
        if WRITES & set(called(file))
    ]
    assert others == []
