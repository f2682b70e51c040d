"""`postern version`: which Postern this is, for a report of a fault and before an upgrade."""

import platform
from argparse import Namespace
from importlib.metadata import version as version_of
from typing import Final

from app.cli.shell.command import Command
from app.cli.shell.terminal import Terminal
from app.version import VERSION
from app.wiring.migrations import head_revision

_LIBRARIES: Final = ("flask", "gunicorn", "celery", "sqlalchemy", "psycopg", "redis", "boto3", "cryptography")


def run(_given: Namespace, terminal: Terminal) -> bool:
    """Show the version, the revision of the database that it expects, Python, and the libraries that matter most."""
    libraries = {name: version_of(name) for name in _LIBRARIES}
    python, migrations = platform.python_version(), head_revision()
    terminal.table(
        ("what", "version"),
        [
            ("Postern", VERSION),
            ("migrations", migrations),
            ("Python", f"{python} on {platform.system()} {platform.machine()}"),
            *libraries.items(),
        ],
    )
    terminal.answer({"version": VERSION, "migrations": migrations, "python": python, "libraries": libraries})
    return True


COMMAND = Command(
    words=("version",),
    summary="show the version, and the revision of the database that it needs",
    detail="No gateway is asked. `./postern doctor` says whether the database is at that revision.",
    example="./postern version --json",
    run=run,
)
