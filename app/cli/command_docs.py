"""Writes `docs/commands.md` and the pages of `--help` from the parser of the command line.

`python -m app.cli.command_docs` writes both. A test compares them with what this would write. `./postern` prints the
pages of `--help` without an environment, and so without the wait for its imports.
"""

import argparse
import json
from argparse import Action
from collections.abc import Iterator
from pathlib import Path

from app.cli.main import COMMANDS, Parser, make_parser
from app.cli.shell.command import Command

HELP_PAGES = Path(__file__).with_name("help_pages.json")
COMMANDS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"
_OF_EVERY_COMMAND = {"help", "json"}

_HEAD = """\
# Commands

Everything that an operator does is done with `./postern`. `./postern COMMAND --help` shows what this page shows.

Every command takes `--json`: its last line is then one JSON object, for programs. A command ends with 0 when it is
done, with 1 when it failed, with 2 when it did not understand its words, and with 130 when Ctrl-C stopped it. A command
that differs says so.

`./postern test` is not in the table: it runs the tests and hands its words to pytest.

This page is generated: `python -m app.cli.command_docs` writes it.
"""


def commands_page() -> str:
    """The page: a table of all commands, then a section for each, in the order of the help."""
    parser = make_parser()
    rows = [f"| [`{_typed(command)}`](#{_anchor(command)}) | {_cell(command.summary)} |" for command in COMMANDS]
    table = "\n".join(["| command | what it does |", "|---|---|", *rows, ""])
    return "\n".join([_HEAD, table, *(_section(command, _parser_of(command, parser)) for command in COMMANDS)])


def help_pages() -> str:
    """The page of `--help` of every command and group, by its words, as JSON; 80 columns wide."""
    return json.dumps(dict(_pages(make_parser(), ())), indent=1, ensure_ascii=False) + "\n"


def _pages(parser: Parser, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    yield " ".join(words), parser.format_help()
    commands = getattr(parser, "commands", None)
    for word, inner in commands.choices.items() if commands else ():
        yield from _pages(inner, (*words, word))


def main() -> None:
    """Write them."""
    COMMANDS_PAGE.write_text(commands_page(), encoding="utf-8")
    HELP_PAGES.write_text(help_pages(), encoding="utf-8")


def _parser_of(command: Command, parser: Parser) -> Parser:
    for word in command.words:
        parser = parser.commands.choices[word]
    return parser


def _section(command: Command, parser: Parser) -> str:
    actions = [action for action in parser.actions if action.dest not in _OF_EVERY_COMMAND]
    parts = [f"## `{_typed(command)}`\n", f"{command.summary[0].upper()}{command.summary[1:]}.\n"]
    if command.detail:
        parts.append(_paragraphs(command.detail))
    if actions:
        rows = [f"| {_spelled(action)} | {_cell(_help(action))} |" for action in actions]
        parts.append("\n".join(["| argument | meaning |", "|---|---|", *rows, ""]))
    parts.append(f"```\n{command.example}\n```\n")
    return "\n".join(parts)


def _typed(command: Command) -> str:
    return " ".join(["./postern", *command.words])


def _anchor(command: Command) -> str:
    return "-".join(["postern", *command.words])


def _paragraphs(detail: str) -> str:
    """The text of a help page as Markdown: an indented line is code, and a paragraph of its own."""
    lines = [f"\n    {line.strip()}\n" if line.startswith("  ") else line for line in detail.splitlines()]
    return "\n".join(lines) + "\n"


def _spelled(action: Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else None
    if value is None:
        choices = "|".join(map(str, action.choices)) if action.choices else ""
        value = choices or (action.dest.upper() if action.option_strings else action.dest)
    value = "" if action.nargs == 0 else _cell(value)
    names = action.option_strings or [""]
    return _times(", ".join(f"`{f'{name} {value}'.strip()}`" for name in names), action)


def _times(spelled: str, action: Action) -> str:
    if action.option_strings:
        return f"{spelled} (required)" if action.required else spelled
    many = {
        argparse.OPTIONAL: " (optional)",
        argparse.ZERO_OR_MORE: " (any number)",
        argparse.ONE_OR_MORE: " (one or more)",
    }
    return spelled + many.get(str(action.nargs), "")


def _help(action: Action) -> str:
    return (action.help or "") % vars(action)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
