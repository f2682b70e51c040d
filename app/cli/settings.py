"""`postern settings`: every environment variable that Postern reads, written from the model that reads them."""

from argparse import ArgumentParser, Namespace
from enum import Enum

from rich.markup import escape

from app.cli.command import Command
from app.cli.terminal import Terminal
from config import Settings


def arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--dotenv", action="store_true", help="write a commented .env instead of a table")


def run(given: Namespace, terminal: Terminal) -> bool:
    """Show the variables, what each is for, and its default."""
    rows = variables()
    if given.dotenv and not terminal.as_json:
        for name, default, meaning in rows:
            line = f"{name}=" if default == REQUIRED else f"#{name}={default}"
            terminal.say(escape(f"# {meaning}\n{line}"))
    else:
        terminal.table(("variable", "default", "meaning"), rows)
    terminal.answer({"settings": [{"name": n, "default": d, "meaning": m} for n, d, m in rows]})
    return True


REQUIRED = "(required)"


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
    example="./postern settings --dotenv > .env",
    arguments=arguments,
    run=run,
)
