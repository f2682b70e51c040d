"""The styles and scripts of the console. A URL contains a hash of the content, so browsers keep a file for a year.

Those of others are in `assets/vendor`, with their licences: nothing is loaded from another host.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from flask import url_for

_DIRECTORY: Final = Path(__file__).parents[1] / "assets"
_MEDIA: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its content, as it is and compressed, its media type and a hash."""

    content: bytes
    packed: bytes
    media: str
    digest: str


@cache
def assets() -> dict[str, Asset]:
    """All files, by their path below `assets`."""
    files = (path for path in _DIRECTORY.rglob("*") if path.suffix in _MEDIA)
    return {path.relative_to(_DIRECTORY).as_posix(): _read(path) for path in files}


def asset_url(name: str) -> str:
    """The URL of a file."""
    return url_for("console_assets.get_asset", digest=assets()[name].digest, name=name)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    packed = gzip.compress(content, 9, mtime=0)
    return Asset(content, packed, _MEDIA[path.suffix], hashlib.sha256(content).hexdigest()[:12])
