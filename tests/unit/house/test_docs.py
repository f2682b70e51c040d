"""The documents say what the code does: settings, routes, errors, states, log events, commands, links."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from flask import Flask

from app.cli.main import COMMANDS
from app.cli.settings_docs import ENV_EXAMPLE, README, env_example, readme_with, settings_table
from app.domain import errors
from app.domain.delivery import ENDED_UNSENT, WAITING, Event, Facts, State, decide
from app.services.rhythm import EVERY_S
from app.telemetry import LogEvent
from app.web.batches import batches
from app.web.check import check
from app.web.docs import docs
from app.web.emails import emails
from app.web.explain import explain
from app.web.feedback import feedback
from app.web.health import health
from app.web.list_files import list_files
from app.web.metrics import metrics
from app.web.schemas import EmailBody
from app.web.suppression_reviews import suppression_reviews
from app.web.suppressions import suppressions
from app.web.unsubscribe import unsubscribe
from config import Settings

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"
PAGES = (README, CHECKOUT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md")))
DEPLOY = sorted((CHECKOUT / "deploy").iterdir())

NO_SETTINGS = {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ENDPOINT_URL_SESV2"}  # boto3's own
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
POSTERN = re.compile(r"\./postern ([a-z]+)(?: ([a-z]+)(?![@\w]))?")
LOGGING = re.compile(r"_?log\.(debug|info|warning|error|exception|critical)")
TESTS = re.compile(r"\b(tests/\w+(?:/\w+)*(?:\.py)?)(?:::(\w+))?")
GROUPS = {"*waiting*": WAITING, "*ended*": ENDED_UNSENT}
NOT_OF_THE_COMMAND_LINE = {"test"}  # the launcher's own


@cache
def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_the_readme_has_every_setting() -> None:
    """Its table is what the model says; `python -m app.cli.settings_docs` writes it."""
    assert text(README) == readme_with(settings_table(), text(README))


def test_env_example_has_every_setting() -> None:
    """Every variable with its default, ready to be copied; written by the same command."""
    assert text(ENV_EXAMPLE) == env_example()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Files exist beside the page that names them, and so do the headings."""
    dead = []
    for target in LINK.findall(text(page)):
        path, _, heading = target.partition("#")
        file = (page.parent / path) if path else page
        if "://" in target:
            continue
        if not file.exists() or (heading and heading not in anchors(file)):
            dead.append(target)
    assert dead == []


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_page_of_the_docs_can_be_found() -> None:
    """From the README or from another page; a decision at least by its directory."""
    linked = {
        (page.parent / target.partition("#")[0]).resolve() for page in PAGES for target in LINK.findall(text(page))
    }
    lost = [page.name for page in PAGES if page not in linked and page.parent not in linked and page != README]
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page: Path) -> None:
    """What a page tells people to type is a command of `./postern`."""
    known = {command.words for command in COMMANDS}
    first_words = {words[0] for words in known} | NOT_OF_THE_COMMAND_LINE
    groups = {words[0] for words in known if len(words) == 2}
    known |= {(command.words[0], "") for command in COMMANDS if command.default}
    for first, second in POSTERN.findall(text(page)):
        assert first in first_words, f"./postern {first}"
        assert first not in groups or (first, second) in known, f"./postern {first} {second}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    """What a page offers as a proof can be run."""
    lost = [
        f"{path}::{name}" if name else path
        for path, name in TESTS.findall(text(page))
        if not (CHECKOUT / path).exists() or (name and f"\ndef {name}(" not in text(CHECKOUT / path))
    ]
    assert lost == []


def test_every_window_names_what_shows_it() -> None:
    """No word of the guarantees stands without a command."""
    windows = text(DOCS / "guarantees.md").partition("\n## The windows\n")[2].split("\n### ")[1:]
    assert windows
    assert [window.splitlines()[0] for window in windows if not POSTERN.search(window)] == []


@pytest.mark.parametrize("command", ["alembic upgrade head", "gunicorn ", "celery -A worker.celery worker", "beat"])
def test_what_runs_in_production_is_documented_as_it_is_deployed(command: str) -> None:
    """README, systemd unit and compose file start the parts alike."""
    said = next(
        line
        for line in text(README).splitlines()
        if line.startswith(("alembic", "gunicorn", "celery")) and command in line
    )
    units = "\n".join(text(file) for file in DEPLOY if file.suffix == ".service")
    compose = text(CHECKOUT / "deploy" / "compose.yaml")
    assert said in units
    assert re.sub(r" --bind \S+.*", "", said) in compose


def test_the_image_holds_what_its_commands_read() -> None:
    """Everything of the checkout that the Dockerfile copies reaches Docker, and gunicorn's configuration is in it."""
    copied = {
        word
        for line in text(CHECKOUT / "deploy" / "Dockerfile").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    }
    let_through = set(re.findall(r"^!(.+)$", text(CHECKOUT / "deploy" / "Dockerfile.dockerignore"), re.MULTILINE))
    assert copied == let_through
    assert {"gunicorn.conf.py", "wsgi.py", "alembic.ini", "app", "worker"} <= copied
    assert [name for name in copied if not (CHECKOUT / name).exists()] == []


def test_every_route_is_documented() -> None:
    """Method and path, as `docs/api.md` writes them."""
    app = Flask(__name__, static_folder=None)
    for blueprint in (
        emails,
        batches,
        check,
        explain,
        suppressions,
        suppression_reviews,
        list_files,
        unsubscribe,
        feedback,
        health,
        metrics,
        docs,
    ):
        app.register_blueprint(blueprint)
    page = text(DOCS / "api.md")
    missing = [
        route
        for rule in app.url_map.iter_rules()
        for route in spelled(rule.rule, rule.methods or set())
        if route not in page
    ]
    assert missing == []


def spelled(rule: str, methods: set[str]) -> Iterator[str]:
    path = re.sub(
        r"<(?:\w+:)?(\w+)>", lambda name: "{" + name[1].removeprefix("email_").replace("_or_", "|") + "}", rule
    )
    yield from (f"`{method} {path}`" for method in methods - {"HEAD", "OPTIONS"})


def test_every_field_of_a_mail_is_documented() -> None:
    """What a send may hold, under the names of the wire."""
    page = text(DOCS / "api.md")
    fields = [field.alias or name for name, field in EmailBody.model_fields.items()]
    assert [field for field in fields if f"`{field}`" not in page] == []


def test_no_page_names_a_setting_that_is_none() -> None:
    """A variable that was renamed is renamed everywhere."""
    told = {word for page in PAGES for word in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text(page))}
    assert sorted(told - {name.upper() for name in Settings.model_fields} - NO_SETTINGS) == []


def test_every_error_is_documented() -> None:
    """The name of an error is part of the API."""
    kinds: list[type[errors.PosternError]] = [errors.PosternError, *errors.PosternError.__subclasses__()]
    page = text(DOCS / "api.md")
    assert [kind.name for kind in kinds if f"| `{kind.name}` | {kind.status}" not in page] == []


def test_the_table_of_the_state_machine_is_the_state_machine() -> None:
    """Every transition of `decide`, and no other."""
    told = {
        (event, state): State(target)
        for line in text(DOCS / "architecture.md").splitlines()
        if (cells := [cell.strip() for cell in line.strip("|").split("|")]) and len(cells) == 4
        for event in words(cells[0]) & set(Event)
        for state in members(cells[1])
        for target in words(cells[2])
    }
    decided = {(event, state): decide(state, event, Facts()) for event in Event for state in State}
    assert told == {place: decision.state for place, decision in decided.items() if decision.changed}


def words(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def members(cell: str) -> set[State]:
    groups = [states for name, states in GROUPS.items() if name in cell]
    return {State(word) for word in words(cell)}.union(*groups)


def test_every_sweep_is_documented_with_its_rhythm() -> None:
    """Name and interval, as beat has them."""
    page = text(DOCS / "architecture.md")
    rhythm = {3600.0: "1 h"}
    rows = [f"| `{sweep}` | {rhythm.get(seconds, f'{seconds:.0f} s')} |" for sweep, seconds in EVERY_S.items()]
    assert [row for row in rows if row not in page] == []


def test_every_figure_is_explained() -> None:
    """Whoever sees one on a dashboard finds what it means and when to worry; no page names one that is none."""
    told = set(re.findall(r"`(postern_[a-z_]+)(?:\{\w+\})?`", text(DOCS / "operations.md")))
    assert told == set(re.findall(r'"(postern_[a-z_]+)"', text(CHECKOUT / "app" / "web" / "metrics.py")))


def test_every_log_event_is_explained() -> None:
    """Whoever is on call finds each event, and what to do about it."""
    page = text(DOCS / "operations.md")
    assert [event for event in sorted(log_events()) if f"| `{event}` |" not in page] == []


def log_events() -> set[str]:
    """The names by which the gateway logs: members of `LogEvent`, and words given to a logger in place."""
    files = [*(CHECKOUT / "app").rglob("*.py"), *(CHECKOUT / "worker").rglob("*.py")]
    calls = [node for file in files for node in ast.walk(ast.parse(text(file))) if isinstance(node, ast.Call)]
    given = [call.args[0] for call in calls if call.args and LOGGING.fullmatch(ast.unparse(call.func))]
    return {*LogEvent, *(name.value for name in given if isinstance(name, ast.Constant))}


def test_no_page_names_the_workshop() -> None:
    """The settings file is read by people too, and the rule about words holds for it."""
    assert not re.search("pypi" + r"\.org|/work" + "/|/tmp" + "/lab", text(ENV_EXAMPLE) + "".join(map(text, PAGES)))
