"""The directory where `up` keeps its database, keys and logs. Only its owner can read it.

This module decides the names and modes of the files. The modules that write them decide their content.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.cli.shell.command import CommandFailed
from app.services.operating.key_rotation import new_key


@dataclass(frozen=True, slots=True)
class DataDir:
    """The files of one data directory."""

    path: Path

    @property
    def ready(self) -> Path:
        """URLs and keys for a script that uses the gateway. The file exists while the gateway is ready."""
        return self.path / "ready.json"

    @property
    def environment(self) -> Path:
        """The environment variables of the gateway's processes, for commands that work on the same gateway."""
        return self.path / "environment.json"

    @property
    def keys(self) -> Path:
        """The API keys that `up` has made."""
        return self.path / "keys.json"

    @property
    def logs(self) -> Path:
        """The logs, one file per process."""
        return self.path / "logs"

    @property
    def simulator(self) -> Path:
        """The ledger and the signing certificate of the simulator."""
        return self.path / "simulator"

    @property
    def flight(self) -> Path:
        """The flight recorders of the worker processes."""
        return self.path / "flight"

    @property
    def certificate(self) -> Path:
        """The certificate that verifies the simulator's notifications."""
        return self.simulator / "sns-signing.pem"

    @property
    def database_url(self) -> str:
        """The URL of the SQLite database, which is used unless another is configured."""
        return f"sqlite:///{(self.path / 'postern.sqlite3').resolve()}"

    def make(self) -> None:
        """Make the directory, and set a umask so that only the owner can read what this process and its children write.

        Raises `CommandFailed` when the directory cannot be made.
        """
        os.umask(0o077)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = (error.strerror or "it cannot be made").lower()
            raise CommandFailed(
                f"cannot write to {self.path} ({why}): pass --data with a directory of yours"
            ) from error

    def remembers(self, database_url: str) -> bool:
        """Whether the gateway that last ran in this directory used this database."""
        try:
            variables: dict[str, str] = json.loads(self.environment.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return False
        return variables.get("DATABASE_URL") == database_url

    def secret_key(self) -> str:
        """The key for `SECRET_KEYS`, made on first use. Without it the bodies in the database cannot be read."""
        file = self.path / "secret.key"
        if not file.exists():
            write_private(file, new_key() + "\n")
        return file.read_text(encoding="ascii").strip()


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read. The file is replaced as a whole or not at all."""
    draft = file.with_name(file.name + ".part")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


def write_private_json(file: Path, content: Mapping[str, str]) -> None:
    """Write a JSON object that only its owner can read."""
    write_private(file, json.dumps(content, indent=2) + "\n")
