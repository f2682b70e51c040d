"""Every change that the console offers is made in a browser by a test of this folder."""

from importlib import import_module
from pathlib import Path

from flask import Flask

from app.web.console.frame.operations import page_operation_of
from app.web.console.pages import CONSOLE


def registered() -> set[str]:
    """The endpoints of all changes of the console."""
    application = Flask(__name__)
    for pages in CONSOLE:
        application.register_blueprint(pages)
    views = application.view_functions
    operations = {endpoint: page_operation_of(view) for endpoint, view in views.items()}
    return {endpoint for endpoint, operation in operations.items() if operation and operation.form is not None}


def pressed() -> set[str]:
    """The endpoints that tests of this folder name with `presses`; each of these tests fails if it does not press."""
    found: set[str] = set()
    for file in Path(__file__).parent.glob("test_*.py"):
        module = import_module(f"tests.e2e.console.{file.stem}")
        marks = [mark for test in vars(module).values() for mark in getattr(test, "pytestmark", ())]
        found.update(*(mark.args for mark in marks if mark.name == "presses"))
    return found


def test_every_change_is_made_in_a_browser() -> None:
    """A new one fails this test until a browser test makes it."""
    assert registered() - pressed() == set()
    assert pressed() - registered() == set()
