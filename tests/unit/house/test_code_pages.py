"""The pages about the code and the commands say what is there: walks, areas, commands and their options."""

import json
import re
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from app.cli.command_docs import COMMANDS_PAGE, HELP_PAGES, commands_page, help_pages
from app.cli.main import COMMANDS

CHECKOUT = Path(__file__).resolve().parents[3]
CODE_PAGE = CHECKOUT / "docs" / "code.md"
LAYERS = ("domain", "store", "aws", "services", "web", "cli")
MACHINERY = {"web/http", "cli/shell", "cli/local", "cli/release"}
WALK = re.compile(r"^\d+\. \[([\w/.]+)\]\(\.\./([\w/.]+)\) `(\w+)`", re.MULTILINE)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_the_page_of_commands_is_what_the_parser_says() -> None:
    """`python -m app.cli.command_docs` writes the page again after a change of a command."""
    assert text(COMMANDS_PAGE) == commands_page()


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_the_pages_of_help_are_what_the_parser_says(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """Each fits 80 columns on any terminal, apart from commands and choices. Python 3.12 writes some otherwise."""
    monkeypatch.setenv("COLUMNS", columns)
    kept = json.loads(text(HELP_PAGES))
    made = json.loads(help_pages())
    assert kept.keys() == made.keys() >= {"", "key", *(" ".join(command.words) for command in COMMANDS)}
    if sys.version_info[:2] == (3, 11):
        assert kept == made
    for words, page in made.items():
        lines = page.partition("\nexample:\n")[0].splitlines()
        assert [line for line in lines if len(line) > 80 and "{" not in line and "./postern" not in line] == [], words


def test_the_page_of_commands_has_every_option() -> None:
    """The section of a command names all that its parser takes, required ones too."""
    sections = dict(
        re.findall(r"^## `\./postern ([\w ]+)`\n(.*?)(?=^## |\Z)", text(COMMANDS_PAGE), re.MULTILINE | re.DOTALL)
    )
    assert set(sections) == {" ".join(command.words) for command in COMMANDS}
    for command in COMMANDS:
        parser = ArgumentParser()
        if command.arguments is not None:
            command.arguments(parser)
        actions = parser._actions  # noqa: SLF001 - argparse has no public name for them
        options = {name for action in actions for name in action.option_strings} - {"-h", "--help"}
        assert [name for name in options if not re.search(f"`{name}[` ]", sections[" ".join(command.words)])] == []


def test_every_step_of_a_walk_leads_to_its_code() -> None:
    """The walks through the code link the file that they name, and it defines the function or class that they name."""
    page = text(CODE_PAGE)
    walks = [walk for walk in page.split("\n## ")[1:] if WALK.search(walk)]
    assert len(walks) == 4
    for walk in walks:
        steps = WALK.findall(walk)
        assert len(steps) == len(re.findall(r"^\d+\. ", walk, re.MULTILINE)) <= 15
        assert [path for named, path, _ in steps if named != path] == []
        lost = [
            f"{path} {name}"
            for _, path, name in steps
            if not re.search(rf"^\s*(?:class|def) {name}\b", text(CHECKOUT / path), re.MULTILINE)
        ]
        assert lost == []


def test_every_area_is_explained() -> None:
    """A folder of a layer is an area of the table, or one of the folders that the page names as something else."""
    page = text(CODE_PAGE)
    folders = {
        folder for layer in LAYERS for folder in (CHECKOUT / "app" / layer).iterdir() if any(folder.glob("*.py"))
    }
    places = {f"{folder.parent.name}/{folder.name}" for folder in folders if folder.name != "__pycache__"}
    lost = [
        place
        for place in places - MACHINERY
        if f"\n| `{place.partition('/')[2]}` |" not in page and f"`{place}`" not in page
    ]
    assert sorted(lost) == []
