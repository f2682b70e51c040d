"""The rules of the house, held over every Python file of the checkout."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
OURS = ("app", "worker", "simulator", "migrations", "bench", "tests", "config.py", "wsgi.py", "postern")
PROSE = (
    "README.md", "CHANGELOG.md", "docs", "deploy", ".ci", ".env.example", "pyproject.toml",
    "requirements.in", "requirements.txt", "requirements-dev.in", "requirements-dev.txt",
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

# What each layer may import of Postern besides itself. A package that is not named here may import anything.
LAYERS = {
    "app.domain": set(),
    "app.store": {"app.domain"},
    "app.aws": {"app.domain"},
    "app.services": {"app.domain", "app.store", "app.aws", "app.queue", "app.telemetry", "config"},
}
NEVER_IMPORTED_BY = {"app": {"worker", "simulator", "tests", "bench"}, "worker": {"simulator", "tests", "bench"}}
DOMAIN_MAY_USE = {"idna", "email_validator", *sys.stdlib_module_names}

# Where an object that talks to something outside is made when it stands at module level.
CLIENTS = {"boto3.client", "boto3.resource", "boto3.Session", "create_engine", "Celery", "Flask", "OpenAPI"}
CLIENTS |= {"Redis", "Redis.from_url", "redis.Redis", "redis.from_url", "redis.Redis.from_url", "urllib3.PoolManager"}
MAY_HOLD_CLIENTS = {"worker/celery.py": {"Celery"}, "bench/django/worker.py": {"Celery"}}

WALL_CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.datetime.now", "time.time", "date.today"}

# Settings are read in one place; a child's environment is built where children are started.
MAY_READ_ENVIRONMENT = {"config.py", "postern", "app/cli/supervise.py", "app/cli/environment.py"}

# Words of the workshop, spelled in halves so that this file does not hold them.
FORBIDDEN = tuple(
    first + second
    for first, second in (
        ("pypi", ".org"), ("files.python", "hosted"), ("registry.npm", "js"), ("/work", "/"), ("DESIGN", ".md"),
        ("TO", "DO"), ("FIX", "ME"), ("XX", "X:"),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file: its path from the checkout, its dotted module name, its text and its syntax tree."""

    path: str
    module: str
    text: str
    tree: ast.Module

    def is_in(self, package: str) -> bool:
        return self.module == package or self.module.startswith(f"{package}.")


@cache
def sources() -> tuple[Source, ...]:
    """Every Python file of ours."""
    files = [CHECKOUT / name for name in OURS if (CHECKOUT / name).is_file()]
    files += [file for name in OURS for file in sorted((CHECKOUT / name).rglob("*.py"))]
    return tuple(read(file) for file in files)


def read(file: Path) -> Source:
    relative = file.relative_to(CHECKOUT)
    parts = relative.with_suffix("").parts
    text = file.read_text()
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Source(path=relative.as_posix(), module=module, text=text, tree=ast.parse(text, filename=str(file)))


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Line and dotted name of all that a file imports; of `from a import b` both a and a.b."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.path}:{node.lineno} imports relatively"
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_the_rules_see_the_files() -> None:
    """A wrong path would make every rule below hold of nothing."""
    assert {"app/domain/errors.py", "postern", "tests/conftest.py"} <= {source.path for source in sources()}


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_one_way(layer: str) -> None:
    """A layer imports what lies below it and nothing of Postern besides."""
    allowed = {layer, *LAYERS[layer]}
    wrong = [
        f"{source.path}:{line} imports {name}"
        for source in sources()
        if source.is_in(layer)
        for line, name in imports(source)
        if name != "app" and name.partition(".")[0] in {"app", "config", "wsgi", "worker", "simulator"}
        if not any(is_within(name, package) for package in allowed)
    ]
    assert wrong == []


def test_the_domain_is_pure() -> None:
    """The rules of the mail trade need the standard library, IDNA and an address parser."""
    wrong = [
        f"{source.path}:{line} imports {name}"
        for source in sources()
        if source.is_in("app.domain")
        for line, name in imports(source)
        if not is_within(name, "app.domain") and name.partition(".")[0] not in {"app", *DOMAIN_MAY_USE}
    ]
    assert wrong == []


@pytest.mark.parametrize("package", NEVER_IMPORTED_BY)
def test_the_gateway_knows_neither_its_worker_nor_its_stand_ins(package: str) -> None:
    """What ships does not lean on the simulator, the tests or the benchmarks."""
    wrong = [
        f"{source.path}:{line} imports {name}"
        for source in sources()
        if source.is_in(package)
        for line, name in imports(source)
        if name.partition(".")[0] in NEVER_IMPORTED_BY[package]
    ]
    assert wrong == []


def test_the_simulator_knows_nothing_of_the_gateway() -> None:
    """A stand-in that shared code with what it stands in for would agree with its mistakes."""
    wrong = [
        f"{source.path}:{line} imports {name}"
        for source in sources()
        if source.is_in("simulator")
        for line, name in imports(source)
        if name.partition(".")[0] in {"app", "worker", "config", "wsgi"}
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
    """Importing connects to nothing: clients are made where the parts are put together."""
    wrong = [
        f"{source.path}:{call.lineno} calls {name}"
        for source in sources()
        if not source.is_in("tests") and not source.path.startswith("bench/tutorial/")  # written as tutorials are
        for call, name in calls_on_import(source.tree)
        if name in CLIENTS - MAY_HOLD_CLIENTS.get(source.path, set())
    ]
    assert wrong == []


def calls_on_import(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Calls that run when the module is imported: those outside of every function body."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)
        yield from calls_on_import(node)


def test_settings_are_read_in_one_place() -> None:
    """Every variable that matters is in the settings, typed and documented."""
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
    """The gateway knows the time from the database; what a host believes is for the command line and the logs."""
    found = [
        f"{source.path}:{node.lineno}"
        for source in sources()
        if (source.is_in("app") or source.is_in("worker")) and not source.is_in("app.cli")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCKS
    ]
    assert found == []


def test_a_file_holds_one_idea() -> None:
    """A long file holds two; migrations, which are never edited, may be as long as they must."""
    lengths = {source.path: len(source.text.splitlines()) for source in sources() if not source.is_in("migrations")}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_a_function_fits_on_a_page() -> None:
    """What is longer has a part that deserves a name."""
    wrong = [
        f"{source.path}:{function.lineno} {function.name}"
        for source in sources()
        if not source.is_in("migrations")
        for function in functions(source)
        if (function.end_lineno or 0) - function.lineno >= LONGEST_FUNCTION
    ]
    assert wrong == []


def test_every_module_says_what_it_is_for() -> None:
    """The first thing in a file that does anything is a sentence."""
    silent = [source.path for source in sources() if source.tree.body and not ast.get_docstring(source.tree)]
    assert silent == []


def test_every_test_states_its_promise() -> None:
    """The docstring of a test is the behaviour that a user may rely on."""
    silent = [
        f"{source.path}:{function.lineno} {function.name}"
        for source in sources()
        if source.is_in("tests")
        for function in functions(source)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert silent == []


def test_the_text_names_nothing_of_the_workshop() -> None:
    """No package index, no path of a machine, no note of what is left to do; in code and in prose."""
    wrong = [
        f"{file} says {word}" for file in texts() for word in FORBIDDEN if word in file.read_text(errors="replace")
    ]
    assert wrong == []


def texts() -> Iterator[Path]:
    """Every file of ours that a person reads."""
    for top in (*OURS, *PROSE):
        for file in (CHECKOUT / top, *(CHECKOUT / top).rglob("*")):
            if file.is_file() and (file.suffix in TEXT_SUFFIXES or file.suffix == ""):
                yield file
