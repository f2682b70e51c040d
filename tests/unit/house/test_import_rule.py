"""The import rule: for each folder, what it may import of ours, and who builds a service."""

import ast
from collections.abc import Iterator
from functools import cache

import pytest

from tests.support.house.sources import CHECKOUT, Source, imports, sources

# What each folder may import of ours besides itself: `a.b` is the files directly in that folder, `a.b.*` the folder and
# all below it. A file directly in app/ counts as a folder of its own. The order of the areas is that of
# docs/adr/0001-layers-and-one-composition-root.md.
DOMAIN, STORE = "app.domain.*", {"app.domain.*", "app.store.*"}
MACHINERY = {"app.queue", "app.telemetry", "app.tracing", "app.version"}
HELPERS = {DOMAIN, "app.store.*", "app.aws.*", *MACHINERY}
"""What every area of the services may import, and the files directly in services/ that all areas share."""
IN_SERVICES = {*HELPERS, "app.services"}
SUPPRESSION = "app.services.suppression.*"
BEFORE_SUBMISSION = {SUPPRESSION, "app.services.account", "app.services.sending", "app.services.apps"}
BEFORE_FEEDBACK = {*BEFORE_SUBMISSION, "app.services.submission", "app.services.privacy", "app.services.operating"}
ENTRANCE = {DOMAIN, "app.services.*", "app.wiring", *MACHINERY}
CONFIG_PARTS = {file.stem for file in CHECKOUT.glob("config_*.py")}
MEASURING = {"app.*", "simulator.*", "bench.*", "tests.support.*", "config"}
AREAS = ("apps", "feedback", "operating", "reporting", "sending", "submission", "suppression", "users", "webhooks")
AREAS_OF_PAGES = (*AREAS, "account")
AREAS_OF_COMMANDS = (*AREAS, "privacy")
AREAS_OF_WEB = ("feedback", "openapi", "operating", "reporting", "ses", "submission", "suppression", "webhooks")
IN_WEB = {*ENTRANCE, "app.web.http", "app.web.http.faults"}

MAY_IMPORT: dict[str, set[str]] = {
    "app": set(),
    "app.broker_url": {"app.store.engine"},
    "app.queue": {"app.broker_url", "app.store.engine", "app.domain.sending"},
    "app.startup_checks": {"app.broker_url", "app.store.engine", "config"},
    **{f"app.{alone}": set() for alone in ("telemetry", "tracing", "version")},
    "app.open_telemetry": {"app.telemetry", "app.tracing"},
    "app.domain": set(),
    "app.domain.message": {"app.domain"},
    "app.domain.message.raw": {"app.domain", "app.domain.message", "app.domain.apps"},
    "app.domain.sending": {"app.domain"},
    "app.domain.feedback": {"app.domain", "app.domain.sending"},
    "app.domain.suppression": {"app.domain", "app.domain.message", "app.domain.feedback"},
    "app.domain.suppression.files": {"app.domain", "app.domain.message", "app.domain.suppression"},
    "app.domain.account": {"app.domain", "app.domain.message", "app.domain.suppression"},
    "app.domain.account.setup": {"app.domain", "app.domain.account"},
    "app.domain.apps": {"app.domain", "app.domain.message", "app.domain.sending"},
    "app.domain.reporting": {"app.domain", "app.domain.sending", "app.domain.feedback", "app.domain.suppression"},
    "app.domain.privacy": {"app.domain", "app.domain.message"},
    "app.domain.webhooks": {"app.domain", "app.domain.feedback", "app.domain.sending", "app.domain.suppression"},
    "app.domain.users": {"app.domain"},
    "app.domain.operating": {"app.domain"},
    # One statement often joins the tables of several areas, so the areas of the store may use each other.
    "app.store": {DOMAIN},
    "app.store.engine": {DOMAIN},
    "app.store.tables": {DOMAIN, "app.store.engine"},
    "app.store.account": STORE,
    "app.store.apps": STORE,
    "app.store.feedback": STORE,
    "app.store.operating": STORE,
    "app.store.privacy": STORE,
    "app.store.reporting": STORE,
    "app.store.sending": STORE,
    "app.store.submission": STORE,
    "app.store.suppression": STORE,
    "app.store.users": STORE,
    "app.store.webhooks": STORE,
    "app.aws": {DOMAIN},
    "app.aws.events": {DOMAIN},
    "app.aws.ses": {DOMAIN, "app.aws", "app.aws.events"},
    "app.aws.sns": {DOMAIN, "app.aws", "app.aws.events"},
    "app.aws.sqs": {DOMAIN, "app.aws"},
    "app.aws.setup": {DOMAIN, "app.aws", "app.aws.ses", "app.aws.sns"},
    "app.aws.setup.checks": {DOMAIN, "app.aws", "app.aws.ses", "app.aws.sns", "app.aws.sqs", "app.aws.setup"},
    "app.net": {DOMAIN},
    "app.net.dns": {DOMAIN, "app.net"},
    "app.net.openid": {DOMAIN, "app.net"},
    "app.net.smtp": {DOMAIN, "app.net"},
    "app.net.webhooks": {DOMAIN, "app.net"},
    "app.services": HELPERS,
    "app.services.reporting": {DOMAIN, "app.store.*", "app.services"},
    "app.services.suppression": IN_SERVICES,
    "app.services.suppression.files": {*IN_SERVICES, "app.services.suppression"},
    "app.services.suppression.explanation": {*IN_SERVICES, "app.services.suppression"},
    # `config` here and in operating: the values that a setting chooses from.
    "app.services.account": {*IN_SERVICES, SUPPRESSION, "config"},
    "app.services.sending": {*IN_SERVICES, SUPPRESSION},
    "app.services.apps": {*IN_SERVICES, SUPPRESSION},
    "app.services.users": {*IN_SERVICES, SUPPRESSION},
    "app.services.webhooks": {*IN_SERVICES, SUPPRESSION, "app.services.sending"},
    "app.services.submission": {*IN_SERVICES, *BEFORE_SUBMISSION, "app.services.reporting"},
    "app.services.submission.doors": {*IN_SERVICES, *BEFORE_SUBMISSION, "app.services.submission"},
    "app.services.privacy": {*IN_SERVICES, *BEFORE_SUBMISSION},
    "app.services.operating": {
        *IN_SERVICES,
        *BEFORE_SUBMISSION,
        "app.services.operating.alerts",
        "app.services.operating.canary",
        "app.services.reporting",
        "config",
    },
    "app.services.operating.overview": {*IN_SERVICES, *BEFORE_SUBMISSION, "app.services.operating"},
    "app.services.operating.alerts": {*IN_SERVICES, "app.services.sending"},
    "app.services.feedback": {*IN_SERVICES, *BEFORE_FEEDBACK, "app.services.reporting"},
    "app.services.feedback.queues": {*IN_SERVICES, *BEFORE_FEEDBACK, "app.services.feedback"},
    "app.services.operating.archive": {*IN_SERVICES, "app.services.operating"},
    "app.services.operating.canary": {*IN_SERVICES, "app.services.sending"},
    # It looks at all of them, and none of them knows it.
    "app.services.operating.doctor": {
        *IN_SERVICES,
        *BEFORE_FEEDBACK,
        "app.services.feedback.*",
        "app.services.operating.canary",
    },
    "app.wiring": {*HELPERS, "app.net", "app.net.*", "app.services.*", "app.broker_url", "config"},
    "app.web": {"app.web.*", "app.startup_checks", "app.wiring", "config"},
    "app.web.http": {*ENTRANCE, "app.web.http.faults"},
    "app.web.http.faults": {DOMAIN},
    "app.web.apps": {*ENTRANCE, "app.web.http"},
    "app.web.console": {"app.web.console.*", "app.web.http"},
    "app.web.console.frame": {*ENTRANCE, "app.web.http", "app.web.http.faults", "app.web.console.frame.refusals"},
    "app.web.console.frame.refusals": {"app.domain"},
    **{f"app.web.console.{area}": {*ENTRANCE, "app.web.http", "app.web.console.frame"} for area in AREAS_OF_PAGES},
    **{f"app.web.{area}": IN_WEB for area in AREAS_OF_WEB},
    **{f"app.web.ses.{version}": {*IN_WEB, "app.web.ses"} for version in ("v1", "v2")},
    "app.cli": {*ENTRANCE, "app.cli.*", "config"},
    "app.cli.shell": {*ENTRANCE, "config"},
    "app.cli.account": {*ENTRANCE, "app.cli.shell", "config"},
    **{f"app.cli.{area}": {*ENTRANCE, "app.cli.shell"} for area in AREAS_OF_COMMANDS},
    # The demo prints a timeline as `send --follow` does.
    "app.cli.local": {*ENTRANCE, "app.cli.shell", "app.cli.submission", "app.cli.local.children", "config"},
    "app.cli.release": {"app.cli.shell", "app.version", "app.wiring"},
    "app.cli.local.children": {*ENTRANCE, "app.cli.shell"},
    "app.smtp": {*ENTRANCE, "app.smtp.protocol", "app.startup_checks", "config"},
    "app.smtp.protocol": {DOMAIN},
    "worker": {*ENTRANCE, "app.broker_url", "app.startup_checks", "config"},
    # gunicorn's main process reads it before it forks.
    "server": set(),
    # A stand-in that shared code with what it stands in for would agree with its mistakes.
    "simulator": {"simulator.*"},
    "simulator.control": {"simulator.*"},
    "simulator.events": {"simulator.*"},
    "simulator.http": {"simulator.*"},
    "simulator.iam": {"simulator.*"},
    "simulator.network": {"simulator.*"},
    "simulator.ses": {"simulator.*"},
    "simulator.sns": {"simulator.*"},
    "simulator.sqs": {"simulator.*"},
    "simulator.webhooks": {"simulator.*"},
    "bench": MEASURING,
    "bench.baselines": MEASURING,
    "bench.django": MEASURING,
    "bench.load": MEASURING,
    "bench.measure": MEASURING,
    "bench.modes": MEASURING,
    "bench.modes.history": MEASURING,
    "bench.stage": MEASURING,
    "bench.tutorial": MEASURING,
    "config": CONFIG_PARTS,
    **{part: set() for part in CONFIG_PARTS},
    "wsgi": {"app.startup_checks", "app.telemetry", "app.tracing", "app.web", "config"},
}
OURS = {
    "app",
    "worker",
    "server",
    "simulator",
    "bench",
    "tests",
    "config",
    *CONFIG_PARTS,
    "wsgi",
    "migrations",
}
ENTRANCES = ("app.web", "app.smtp", "app.cli", "worker")
OPENS_A_TRANSACTION = {"transaction", "reading", "asking"}
MAY_HAVE_CODE = {"simulator/__init__.py"}
MOST_FILES = 15


@cache
def modules() -> dict[str, str]:
    """The folder of every module of ours, by the module's dotted name."""
    return {source.module: folder_of(source) for source in sources()}


def folder_of(source: Source) -> str:
    """The dotted name of the folder that a file is in; for a file directly in app/ or the checkout, its own."""
    if source.path.endswith("__init__.py"):
        return source.module
    folder = source.module.rpartition(".")[0]
    return source.module if folder in {"", "app"} else folder


def governed() -> Iterator[Source]:
    """Every file that the rule is for."""
    return (
        source
        for source in sources()
        if source.path != "postern" and not source.is_in("tests") and not source.is_in("migrations")
    )


def folders_imported(source: Source) -> Iterator[tuple[int, str, str]]:
    """Line, name and folder of all that a file imports of ours."""
    known = modules()
    for line, name in imports(source):
        if name == "app" or name.partition(".")[0] not in OURS:  # `from app import x` names x by itself, too
            continue
        longest = name
        while longest not in known and "." in longest:
            longest = longest.rpartition(".")[0]
        yield line, name, known.get(longest, longest)


def is_allowed(folder: str, allowed: set[str]) -> bool:
    return any(
        folder == one or (one.endswith(".*") and f"{folder}.".startswith(one.removesuffix("*"))) for one in allowed
    )


@pytest.mark.parametrize("folder", sorted(MAY_IMPORT))
def test_a_folder_imports_what_lies_below_it(folder: str) -> None:
    """It imports what the table names, and nothing else of ours."""
    wrong = [
        f"{source.path}:{line} imports {name}"
        for source in governed()
        if folder_of(source) == folder
        for line, name, of in folders_imported(source)
        if of != folder and not is_allowed(of, MAY_IMPORT[folder])
    ]
    assert wrong == []


def test_every_folder_is_in_the_table() -> None:
    """A new folder has to say what it may import; a row without a folder says nothing."""
    assert {folder_of(source) for source in governed()} == set(MAY_IMPORT)


def test_no_area_of_the_services_is_in_a_circle() -> None:
    """Of two areas of the services at most one may import the other, even by the table."""
    areas = [folder for folder in MAY_IMPORT if folder.startswith("app.services.")]
    circles = [
        f"{one} and {other}"
        for one in areas
        for other in areas
        if one < other and is_allowed(other, MAY_IMPORT[one]) and is_allowed(one, MAY_IMPORT[other])
    ]
    assert circles == []


def test_only_wiring_builds_a_service() -> None:
    """The web, the commands and the worker ask the gateway for services; they make none themselves."""
    made = service_classes()
    wrong = [
        f"{source.path}:{call.lineno} builds {ast.unparse(call.func)}"
        for source in sources()
        if any(source.is_in(entrance) for entrance in ENTRANCES)
        for call in ast.walk(source.tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        if any(name.rpartition(".")[2] == call.func.id and name in made for _, name in imports(source))
    ]
    assert wrong == []


def service_classes() -> set[str]:
    """The dotted names of classes of the services that are given objects, not values: they have an `__init__`."""
    return {
        f"{source.module}.{node.name}"
        for source in sources()
        if source.is_in("app.services")
        for node in source.tree.body
        if isinstance(node, ast.ClassDef)
        if any(isinstance(one, ast.FunctionDef) and one.name == "__init__" for one in node.body)
    }


def test_only_services_open_transactions() -> None:
    """What the web, the commands and the worker need of the database, a service reads or writes for them."""
    wrong = [
        f"{source.path}:{call.lineno} calls {ast.unparse(call.func)}"
        for source in sources()
        if any(source.is_in(entrance) for entrance in ENTRANCES)
        for call in ast.walk(source.tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        if call.func.attr in OPENS_A_TRANSACTION
    ]
    assert wrong == []


def test_a_folder_holds_one_idea() -> None:
    """A full folder holds two; `__init__.py` does not count, nor do migrations, one for each change of the tables."""
    files: dict[str, int] = {}
    for source in sources():
        if not source.is_in("migrations") and not source.path.endswith("__init__.py"):
            folder = source.path.rpartition("/")[0]
            files[folder] = files.get(folder, 0) + 1
    assert {folder: number for folder, number in files.items() if number > MOST_FILES} == {}


def test_a_folder_says_what_it_holds() -> None:
    """Each has an `__init__.py` that is a docstring and no code; one offers what is inside to the rest, too."""
    folders = {source.path.rpartition("/")[0] for source in governed()} - {""}
    present = {source.path: source for source in sources()}
    silent = [folder for folder in folders if f"{folder}/__init__.py" not in present]
    with_code = [
        path
        for path, source in present.items()
        if path.endswith("/__init__.py") and path not in MAY_HAVE_CODE and not source.is_in("tests")
        if len(source.tree.body) != 1 or ast.get_docstring(source.tree) is None
    ]
    assert (silent, with_code) == ([], [])


def test_the_table_sees_what_is_there() -> None:
    """A wrong path would make the rule hold of nothing."""
    assert modules()["app.services.paging"] == "app.services"
    assert modules()["app.queue"] == "app.queue"
    assert (CHECKOUT / "app" / "wiring" / "gateway.py").is_file()
