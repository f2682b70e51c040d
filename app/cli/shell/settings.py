"""`postern settings`: every environment variable that Postern reads, generated from the `Settings` model."""

from argparse import Namespace
from enum import Enum

from app.cli.shell.command import Command
from app.cli.shell.terminal import Terminal
from config import Settings

REQUIRED = "(required)"


def run(_given: Namespace, terminal: Terminal) -> bool:
    """Show the variables with their defaults and meanings."""
    rows = variables()
    terminal.table(("variable", "default", "meaning"), rows)
    terminal.answer({"settings": [{"name": n, "default": d, "meaning": m} for n, d, m in rows]})
    return True


def variables() -> list[tuple[str, str, str]]:
    """Name, default and meaning of each variable, in the order of the model."""
    return [
        (name.upper(), REQUIRED if field.is_required() else _written(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _written(default: object) -> str:
    match default:
        case None | ():
            return ""
        case bool():
            return str(default).lower()
        case Enum():
            return str(default.value)
    return str(default)


COMMAND = Command(
    words=("settings",),
    summary="list the environment variables that Postern reads",
    detail="`.env.example` has the same list. Copy it to `.env` to change settings.",
    example="./postern settings",
    run=run,
)
