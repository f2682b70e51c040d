"""The Python environment of the Django baseline: its path, and its creation by the launcher's own functions.

It is separate from Postern's, which does not need Django. It is made only on request.
"""

from pathlib import Path
from types import ModuleType
from typing import Final

from tests.support.servers.launcher import load_launcher

LOCK: Final = Path(__file__).with_name("requirements.txt")


def prepared() -> Path | None:
    """Return its Python if the environment matches the lock file, else None."""
    launcher = load_launcher()
    home = _home(launcher)
    return _python(launcher, home) if launcher.is_current(home, LOCK) else None


def prepare() -> Path:
    """Create or update the environment and return its Python. Exits with advice when that fails."""
    launcher = load_launcher()
    try:
        home = _home(launcher)
        with launcher.sole_installer(home) as guard:
            if not launcher.is_current(home, LOCK):
                launcher.install(home, LOCK, guard)
    except launcher.CannotPrepare as reason:
        raise SystemExit(f"postern: {reason}") from None
    return _python(launcher, home)


def _home(launcher: ModuleType) -> Path:
    postern: Path = launcher.writable_home()
    return postern.with_name(".venv-django")


def _python(launcher: ModuleType, home: Path) -> Path:
    python: Path = launcher.interpreter(home)
    return python
