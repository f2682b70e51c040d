"""The docs match the code: settings, routes, errors, states, log events, commands, links."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from flask import Flask

from app.cli.main import COMMANDS
from app.cli.shell.settings_docs import ENV_EXAMPLE, SETTINGS_PAGE, env_example, page_with, settings_table
from app.domain import errors
from app.domain.sending.state_machine import ENDED_UNSENT, WAITING, Event, State, TransitionFacts, decide
from app.services.operating.sweeps import EVERY_S
from app.store.tables.core import metadata
from app.telemetry import LogEvent
from app.web.apps.apps import apps
from app.web.apps.keys import api_keys
from app.web.feedback.sns import feedback
from app.web.openapi.routes import docs
from app.web.operating.health import health
from app.web.operating.metrics import metrics
from app.web.reporting.outcome_links import outcome_links
from app.web.reporting.outcome_page import outcome_page
from app.web.reporting.outcomes import outcomes
from app.web.submission.batches import batches
from app.web.submission.check import check
from app.web.submission.email_requests import EmailBody
from app.web.submission.emails import emails
from app.web.suppression.explain import explain
from app.web.suppression.files import list_files
from app.web.suppression.reviews import suppression_reviews
from app.web.suppression.suppressions import suppressions
from app.web.suppression.unsubscribe import unsubscribe
from config import Settings

CHECKOUT = Path(__file__).resolve().parents[3]
DOCS = CHECKOUT / "docs"
README = CHECKOUT / "README.md"
BESIDE_IT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "simulator/README.md")
PAGES = (README, *(CHECKOUT / name for name in BESIDE_IT), *sorted(DOCS.rglob("*.md")))
DEPLOY = sorted((CHECKOUT / "deploy").iterdir())

NO_SETTINGS = {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ENDPOINT_URL_SESV2", "AWS_ENDPOINT_URL_SNS"}  # boto3's own
NO_SETTINGS |= {"AWS_ENDPOINT_URL_SES", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_STS"}  # boto3's own, too
NO_SETTINGS |= {"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"}
NO_SETTINGS |= {"HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"}  # of every program
NO_SETTINGS |= {"POSTERN_ENV_FILE"}  # where settings are
NO_SETTINGS |= {"EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD"}  # Django's own
NO_SETTINGS |= {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TIMEOUT"}  # OpenTelemetry's own
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
POSTERN = re.compile(r"\./postern ([a-z]+)(?: ([a-z]+)(?![@\w]))?")
LOGGING = re.compile(r"_?log\.(debug|info|warning|error|exception|critical)")
TESTS = re.compile(r"\b(tests/\w+(?:/\w+)*(?:\.py)?)(?:::(\w+))?")
GROUPS = {"*waiting*": WAITING, "*ended*": ENDED_UNSENT}
NOT_OF_THE_COMMAND_LINE = {"test"}  # the launcher's own


@cache
def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_the_page_of_settings_has_every_setting() -> None:
    """Its table is what the model says; `python -m app.cli.shell.settings_docs` writes it."""
    assert text(SETTINGS_PAGE) == page_with(settings_table(), text(SETTINGS_PAGE))
    assert [name for name in Settings.model_fields if f"\n| `{name.upper()}` |" not in text(SETTINGS_PAGE)] == []


def test_env_example_has_every_setting() -> None:
    """Every variable with its default, ready to be copied; written by the same command."""
    assert text(ENV_EXAMPLE) == env_example()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """The linked files and headings exist."""
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
    """A reader who starts at the README reaches every page by links; a decision at least by its directory."""
    found, to_read = {README}, [README]
    while to_read:
        page = to_read.pop()
        for target in LINK.findall(text(page)):
            if target.startswith("#"):
                continue
            linked = (page.parent / target.partition("#")[0]).resolve()
            fresh = {other for other in PAGES if linked in {other, other.parent}} - found
            to_read += fresh
            found |= fresh
    assert [page.name for page in PAGES if page not in found] == []


def test_the_numbers_of_the_decisions_have_no_gaps() -> None:
    """Each number is used once, and a missing one does not make readers look for a lost page."""
    numbers = [int(page.name[:4]) for page in sorted((DOCS / "adr").iterdir())]
    assert numbers == list(range(1, len(numbers) + 1))
    titles = [text(page).splitlines()[0] for page in sorted((DOCS / "adr").iterdir())]
    assert [
        title for number, title in zip(numbers, titles, strict=True) if not title.startswith(f"# {number:04} ")
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_command_exists(page: Path) -> None:
    """Every command in a page is a command of `./postern`."""
    known = {command.words for command in COMMANDS}
    first_words = {words[0] for words in known} | NOT_OF_THE_COMMAND_LINE
    groups = {words[0] for words in known if len(words) == 2}
    known |= {(command.words[0], "") for command in COMMANDS if command.default}
    for first, second in POSTERN.findall(text(page)):
        assert first in first_words, f"./postern {first}"
        assert first not in groups or (first, second) in known, f"./postern {first} {second}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_test_that_is_named_exists(page: Path) -> None:
    """Every test that a page names as a proof can be run."""
    lost = [
        f"{path}::{name}" if name else path
        for path, name in TESTS.findall(text(page))
        if not (CHECKOUT / path).exists() or (name and f"\ndef {name}(" not in text(CHECKOUT / path))
    ]
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_python_file_that_is_named_exists(page: Path) -> None:
    """By its path, or by the end of it: a file that moves is named anew."""
    tops = ("app", "worker", "server", "simulator", "bench", "migrations", "tests", "deploy")
    files = {f"/{file.relative_to(CHECKOUT)}" for top in tops for file in (CHECKOUT / top).rglob("*.py")}
    files |= {f"/{file.name}" for file in CHECKOUT.glob("*.py")}
    named = set(re.findall(r"`([\w/.]+\.py)`", text(page)))
    assert [name for name in sorted(named) if not any(file.endswith(f"/{name}") for file in files)] == []


def test_every_guarantee_names_a_command_that_shows_it() -> None:
    """Every guarantee names a command that shows it."""
    windows = text(DOCS / "guarantees.md").partition("\n## The windows\n")[2].split("\n### ")[1:]
    assert windows
    assert [window.splitlines()[0] for window in windows if not POSTERN.search(window)] == []


@pytest.mark.parametrize("command", ["alembic upgrade head", "gunicorn ", "celery -q -A worker.celery worker", "beat"])
def test_production_commands_are_documented_as_deployed(command: str) -> None:
    """The page of operations, the systemd units and the compose file start the parts with the same commands."""
    said = next(
        line
        for line in text(DOCS / "operations.md").splitlines()
        if line.startswith(("alembic", "gunicorn", "celery")) and command in line
    )
    units = "\n".join(text(file) for file in DEPLOY if file.suffix == ".service")
    compose = text(CHECKOUT / "deploy" / "compose.yaml")
    assert said in units
    assert re.sub(r" --bind \S+.*", "", said) in compose


def test_the_image_holds_the_files_that_its_commands_read() -> None:
    """Everything that the Dockerfile copies is in Docker's build context, including gunicorn's configuration."""
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
    """`docs/api.md` has the method and path of every route."""
    app = Flask(__name__, static_folder=None)
    for blueprint in (
        emails,
        batches,
        check,
        apps,
        api_keys,
        explain,
        suppressions,
        suppression_reviews,
        list_files,
        outcomes,
        outcome_links,
        outcome_page,
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


def test_every_field_of_an_email_is_documented() -> None:
    """The docs name every JSON field of a send request."""
    page = text(DOCS / "api.md")
    fields = [field.alias or name for name, field in EmailBody.model_fields.items()]
    assert [field for field in fields if f"`{field}`" not in page] == []


def test_no_page_names_a_setting_that_is_none() -> None:
    """After a variable is renamed, no page uses the old name."""
    named = {word for page in PAGES for word in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text(page))}
    assert sorted(named - {name.upper() for name in Settings.model_fields} - NO_SETTINGS) == []


def test_every_error_is_documented() -> None:
    """The name of an error is part of the API."""
    kinds: list[type[errors.PosternError]] = [errors.PosternError, *errors.PosternError.__subclasses__()]
    page = text(DOCS / "api.md")
    assert [kind.name for kind in kinds if f"| `{kind.name}` | {kind.status}" not in page] == []


def test_the_table_of_the_state_machine_is_the_state_machine() -> None:
    """Every transition of `decide`, and no other."""
    documented = {
        (event, state): State(target)
        for line in text(DOCS / "architecture.md").splitlines()
        if (cells := [cell.strip() for cell in line.strip("|").split("|")]) and len(cells) == 4
        for event in words(cells[0]) & set(Event)
        for state in members(cells[1])
        for target in words(cells[2])
    }
    decided = {(event, state): decide(state, event, TransitionFacts()) for event in Event for state in State}
    assert documented == {place: decision.state for place, decision in decided.items() if decision.changed}


def words(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def members(cell: str) -> set[State]:
    groups = [states for name, states in GROUPS.items() if name in cell]
    return {State(word) for word in words(cell)}.union(*groups)


def test_every_table_of_the_database_is_documented() -> None:
    """The page of the architecture has a row for each table, and names none that does not exist."""
    section = text(DOCS / "architecture.md").partition("\n## The tables\n")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    assert {name for cell in rows for name in words(cell)} == set(metadata.tables)


def test_every_state_is_explained() -> None:
    """Each state of a recipient has a row of the table that says what it means."""
    section = text(DOCS / "architecture.md").partition("\n## The states of an email\n")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    assert {name for cell in rows for name in words(cell)} == set(State)


def test_every_sweep_is_documented_with_its_rhythm() -> None:
    """Name and interval, as beat has them."""
    page = text(DOCS / "architecture.md")
    rhythm = {3600.0: "1 h"}
    rows = [f"| `{sweep}` | {rhythm.get(seconds, f'{seconds:.0f} s')} |" for sweep, seconds in EVERY_S.items()]
    assert [row for row in rows if row not in page] == []


def test_every_figure_is_explained() -> None:
    """The docs say what each metric means and when to worry; no page names a metric that does not exist."""
    explained = set(re.findall(r"`(postern_[a-z_]+)(?:\{[\w,]+\})?`", text(DOCS / "operations.md")))
    assert explained == set(
        re.findall(r'"(postern_[a-z_]+)"', text(CHECKOUT / "app" / "web" / "operating" / "metrics.py"))
    )


def test_every_log_event_is_explained() -> None:
    """A person on call finds each log event and what to do about it."""
    page = text(DOCS / "operations.md")
    assert [event for event in sorted(log_events()) if f"| `{event}` |" not in page] == []


def log_events() -> set[str]:
    """Return the names of all log events: members of `LogEvent`, and literals passed to a logger."""
    files = [*(CHECKOUT / "app").rglob("*.py"), *(CHECKOUT / "worker").rglob("*.py")]
    calls = [node for file in files for node in ast.walk(ast.parse(text(file))) if isinstance(node, ast.Call)]
    given = [call.args[0] for call in calls if call.args and LOGGING.fullmatch(ast.unparse(call.func))]
    return {*LogEvent, *(name.value for name in given if isinstance(name, ast.Constant))}


def test_no_page_names_the_workshop() -> None:
    """The rule about words also holds for the settings file, which people read too."""
    assert not re.search("pypi" + r"\.org|/work" + "/|/tmp" + "/lab", text(ENV_EXAMPLE) + "".join(map(text, PAGES)))
