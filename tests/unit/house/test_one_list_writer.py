"""The suppression list has one writer: nothing else in the application changes the list, or the positives in Redis."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[3]
STORE: Final = "app.store.suppression"
WRITER: Final = CHECKOUT / "app/services/suppression/list_writer.py"

# The tables of the list: entries, and what became of each.
TABLES: Final = {"suppressions", "suppression_events", "rows"}
STATEMENTS: Final = {"update", "insert", "delete", "add_once", "insert_rows", "update_rows"}
STATEMENTS_OF_CLASSES: Final = {"Insert", "InsertFree", "Update"}
ON_POSITIVES: Final = {"add", "remove"}


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def store_files() -> list[Path]:
    return sorted((CHECKOUT / "app/store/suppression").glob("*.py"))


def names_in(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def writes_itself(node: ast.AST) -> bool:
    """Whether this makes a statement that writes a table of the list."""
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in STATEMENTS | STATEMENTS_OF_CLASSES
        and any(names_in(given) & TABLES for given in call.args[:2])
        for call in ast.walk(node)
    )


def calls(node: ast.AST) -> Iterator[str]:
    """The names that this calls or uses: `lift` of the same file, and `changes.note` of another one."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name):
            yield f"{one.value.id}.{one.attr}"


@cache
def writing() -> frozenset[str]:
    """The functions of the store that write the list, by themselves or by another one: `suppressions.lift`."""
    found: set[str] = set()
    bodies = {
        f"{file.stem}.{name}": (file.stem, node)
        for file in store_files()
        for node in tree(file).body
        for name in defined(node)
    }
    while True:
        more = {
            name
            for name, (module, node) in bodies.items()
            if writes_itself(node) or found & {call if "." in call else f"{module}.{call}" for call in calls(node)}
        }
        if more == found:
            return frozenset(name for name in found if not name.partition(".")[2].startswith("_"))
        found = more


def defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def imported(file: Path) -> dict[str, str]:
    """What the names of this file stand for in the store of the list: `writer_of` -> `suppressions.lift`."""
    known: dict[str, str] = {}
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(STORE):
            module = (node.module or "").removeprefix(STORE).lstrip(".")
            for name in node.names:
                known[name.asname or name.name] = f"{module}.{name.name}".lstrip(".")
    return known


def changes_of_the_list(file: Path) -> Iterator[str]:
    names, functions = imported(file), writing()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Name) and names.get(node.id) in functions:
            yield f"{file.relative_to(CHECKOUT)}:{node.lineno} {names[node.id]}"
        if not isinstance(node, ast.Attribute):
            continue
        of = ast.unparse(node.value)
        if f"{names.get(of, of)}.{node.attr}" in functions and of in names:
            yield f"{file.relative_to(CHECKOUT)}:{node.lineno} {names[of]}.{node.attr}"
        if of.endswith("positives") and node.attr in ON_POSITIVES:
            yield f"{file.relative_to(CHECKOUT)}:{node.lineno} {of}.{node.attr}"


def application() -> list[Path]:
    files = [*(CHECKOUT / "app").rglob("*.py"), *(CHECKOUT / "worker").rglob("*.py")]
    return sorted(file for file in files if not file.is_relative_to(CHECKOUT / "app/store"))


def test_nothing_besides_the_writer_changes_the_suppression_list() -> None:
    """Webhooks and Redis follow each change, so each goes through `ListWriter`: no service calls the store itself."""
    assert [found for file in application() if file != WRITER for found in changes_of_the_list(file)] == []


def test_the_rule_knows_what_writes_the_list() -> None:
    """The functions that write are found from what they do; all of them are used by the writer, or by one another."""
    used = {found.partition(" ")[2] for found in changes_of_the_list(WRITER)}
    ways = {
        "suppressions.put",
        "suppressions.unsuppress",
        "suppressions.expire",
        "suppressions.confirm",
        "bulk.put_all",
    }
    assert ways <= used & writing()
    assert {"self._positives.add", "self._positives.remove"} <= used
    assert not {"suppressions.live", "suppressions.lock", "reviews.open_one", "reviews.decide"} & writing()
