"""The Python environment of the Django baseline: where it is, and how it is made, which is the launcher's own way.

It is beside Postern's, since nobody who tests or runs Postern needs Django. It is never made unasked.
"""

from pathlib import Path
from types import ModuleType
from typing import Final

from tests.launcher import load_launcher

LOCK: Final = Path(__file__).with_name("requirements.txt")


def prepared() -> Path | None:
    """Its Python, if it holds what the lock says."""
    launcher = load_launcher()
    home = _home(launcher)
    return _python(launcher, home) if launcher.is_current(home, LOCK) else None


def prepare() -> Path:
    """Its Python; it is made or brought up to date. Ends the program with advice if that cannot be done."""
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
