"""The journal of a drill's clients: requests, written before they are sent, and answers; the oracle reads it."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class Journal:
    """A file of JSON lines, appended to by many threads."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, what: str, **more: Any) -> None:
        """One entry, with the time; it is in the file when this returns."""
        os.write(self._file, json.dumps({"at": time.time(), "what": what, **more}).encode() + b"\n")

    def close(self) -> None:
        """End it."""
        os.close(self._file)


def read(path: Path) -> Iterator[Entry]:
    """Every entry, in order."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
