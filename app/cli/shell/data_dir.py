"""The directory where `up` keeps what must outlive it: database, keys, logs; for its owner's eyes only.

It decides names and modes of files. What is in them is decided by whoever writes them.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.cli.command import CommandFailed
from app.cli.secret import KEY_BYTES


@dataclass(frozen=True, slots=True)
class DataDir:
    """The files of one data directory."""

    path: Path

    @property
    def ready(self) -> Path:
        """What a script needs to use the gateway; there while the gateway is ready."""
        return self.path / "ready.json"

    @property
    def environment(self) -> Path:
        """The variables of the parts, for commands beside them."""
        return self.path / "environment.json"

    @property
    def keys(self) -> Path:
        """The API keys that `up` has made."""
        return self.path / "keys.json"

    @property
    def logs(self) -> Path:
        """One file per part."""
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
        """What the simulator's notifications are verified with."""
        return self.simulator / "sns-signing.pem"

    @property
    def schedule(self) -> Path:
        """When beat last rang for which sweep."""
        return self.path / "beat" / "schedule"

    @property
    def database_url(self) -> str:
        """The SQLite database, unless another is configured."""
        return f"sqlite:///{(self.path / 'postern.sqlite3').resolve()}"

    def make(self) -> None:
        """Make the directory, and let this process and its children write nothing that others can read.

        Raises `CommandFailed` where that is not possible.
        """
        os.umask(0o077)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.schedule.parent.mkdir(exist_ok=True)
        except OSError as error:
            why = (error.strerror or "it cannot be made").lower()
            raise CommandFailed(
                f"cannot write to {self.path} ({why}): pass --data with a directory of yours"
            ) from error

    def secret_key(self) -> str:
        """The key for `SECRET_KEYS`, made on first use: without it the bodies in the database are lost."""
        file = self.path / "secret.key"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(KEY_BYTES) + "\n")
        return file.read_text(encoding="ascii").strip()


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = file.with_name(file.name + ".part")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


def write_private_json(file: Path, content: Mapping[str, str]) -> None:
    """Write a JSON object that only its owner can read."""
    write_private(file, json.dumps(content, indent=2) + "\n")
