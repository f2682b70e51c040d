"""The rules of the house, held over every Python file of the checkout."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.house.sources import CHECKOUT, OURS, functions, imports, sources

PROSE = (
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "deploy", ".ci", ".env.example",
    "pyproject.toml", "requirements.in", "requirements.txt", "requirements-dev.in", "requirements-dev.txt",
    "requirements-otel.in", "requirements-otel.txt",
)  # fmt: skip
TEXT_SUFFIXES = {
    ".py",
    ".md",
    ".txt",
    ".in",
    ".toml",
    ".html",
    ".css",
    ".json",
    ".csv",
    ".sh",
    ".yaml",
    ".yml",
    ".service",
}
LONGEST_FILE, LONGEST_FUNCTION = 320, 60

DOMAIN_MAY_USE = {"idna", "email_validator", "html_text", "lxml", *sys.stdlib_module_names}

# Constructors of clients of outside systems: at module level they would create the client on import.
CLIENTS = {"boto3.client", "boto3.resource", "boto3.Session", "create_engine", "Celery", "Flask", "OpenAPI"}
CLIENTS |= {"Redis", "Redis.from_url", "redis.Redis", "redis.from_url", "redis.Redis.from_url", "urllib3.PoolManager"}
MAY_HOLD_CLIENTS = {"worker/celery.py": {"Celery"}, "bench/django/worker.py": {"Celery"}}

# A notification is refused for good as too old only if the clock of the host agrees.
MAY_ASK_THE_HOST = {"app/store/engine/clock.py"}
WALL_CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.datetime.now", "time.time", "date.today"}

# Settings are read in one place; the environment of a child process is built where it is started.
# The fast transport reads what boto3 reads.
MAY_READ_ENVIRONMENT = {
    "config.py",
    "postern",
    "app/aws/ses/fast_client.py",
    "app/cli/local/children/supervisor.py",
    "app/cli/shell/operated_gateway.py",
}

# Words of the workplace, spelled in halves so that this file does not contain them.
FORBIDDEN = tuple(
    first + second
    for first, second in (
        ("pypi", ".org"), ("files.python", "hosted"), ("registry.npm", "js"), ("/work", "/"), ("DESIGN", ".md"),
        ("TO", "DO"), ("FIX", "ME"), ("XX", "X:"),
    )
)  # fmt: skip


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_the_rules_see_the_files() -> None:
    """With a wrong path, every rule below would pass without checking a file."""
    assert {"app/domain/errors.py", "postern", "tests/conftest.py"} <= {source.path for source in sources()}


def test_the_domain_is_pure() -> None:
    """The domain needs only the standard library, and readers of domain names, addresses and HTML."""
    wrong = [
        f"{source.path}:{line} imports {name}"
        for source in sources()
        if source.is_in("app.domain")
        for line, name in imports(source)
        if not is_within(name, "app.domain") and name.partition(".")[0] not in {"app", *DOMAIN_MAY_USE}
    ]
    assert wrong == []


def test_imports_stand_at_the_top() -> None:
    """An import inside a function hides a cycle or a cost."""
    wrong = [
        f"{source.path}:{node.lineno}"
        for source in sources()
        for function in functions(source)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert wrong == []


def test_no_module_makes_a_client() -> None:
    """Importing opens no connection: clients are made in `app/wiring`."""
    wrong = [
        f"{source.path}:{call.lineno} calls {name}"
        for source in sources()
        if not source.is_in("tests")
        and not source.path.startswith("bench/tutorial/")  # written in the style of tutorials
        for call, name in calls_on_import(source.tree)
        if name in CLIENTS - MAY_HOLD_CLIENTS.get(source.path, set())
    ]
    assert wrong == []


def calls_on_import(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Yield the calls that run when the module is imported: those outside every function body."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)
        yield from calls_on_import(node)


def test_settings_are_read_in_one_place() -> None:
    """Every environment variable that Postern reads is in the settings, typed and documented."""
    wrong = [
        f"{source.path}:{node.lineno}"
        for source in sources()
        if source.path not in MAY_READ_ENVIRONMENT
        and source.path.startswith(("app/", "worker/", "wsgi", "migrations/"))
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv", "os.putenv"}
    ]
    assert wrong == []


def test_no_host_clock_decides() -> None:
    """The gateway takes the time from the database; only the command line and the logs use the host's clock."""
    found = [
        f"{source.path}:{node.lineno}"
        for source in sources()
        if (source.is_in("app") or source.is_in("worker")) and not source.is_in("app.cli")
        if source.path not in MAY_ASK_THE_HOST
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCKS
    ]
    assert found == []


def test_a_file_holds_one_idea() -> None:
    """A long file holds two; migrations, which are never edited, may have any length."""
    lengths = {source.path: len(source.text.splitlines()) for source in sources() if not source.is_in("migrations")}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_a_function_fits_on_a_page() -> None:
    """A longer function has a part that deserves its own name."""
    wrong = [
        f"{source.path}:{function.lineno} {function.name}"
        for source in sources()
        if not source.is_in("migrations")
        for function in functions(source)
        if (function.end_lineno or 0) - function.lineno >= LONGEST_FUNCTION
    ]
    assert wrong == []


def test_every_module_states_its_purpose() -> None:
    """Every module that contains code begins with a docstring."""
    silent = [source.path for source in sources() if source.tree.body and not ast.get_docstring(source.tree)]
    assert silent == []


def test_every_test_states_its_promise() -> None:
    """The docstring of a test states behaviour that a user may rely on."""
    silent = [
        f"{source.path}:{function.lineno} {function.name}"
        for source in sources()
        if source.is_in("tests")
        for function in functions(source)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert silent == []


def test_the_text_names_nothing_of_the_workshop() -> None:
    """No package index, no path of a machine and no to-do note stands in code or prose."""
    wrong = [
        f"{file} says {word}" for file in texts() for word in FORBIDDEN if word in file.read_text(errors="replace")
    ]
    assert wrong == []


def texts() -> Iterator[Path]:
    """Yield every file of the project that a person reads."""
    for top in (*OURS, *PROSE):
        for file in (CHECKOUT / top, *(CHECKOUT / top).rglob("*")):
            if file.is_file() and (file.suffix in TEXT_SUFFIXES or file.suffix == ""):
                yield file
