"""Every Python file of the checkout as a syntax tree, for the tests of how the code is built."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
OURS = (
    "app",
    "worker",
    "server",
    "simulator",
    "migrations",
    "bench",
    "tests",
    "config.py",
    "config_aws.py",
    "config_faults.py",
    "config_names.py",
    "config_openid.py",
    "config_outgoing.py",
    "config_requests.py",
    "config_retention.py",
    "config_smtp.py",
    "config_urls.py",
    "config_workers.py",
    "wsgi.py",
    "postern",
)


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


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
