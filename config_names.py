"""Names that are nearly those of settings: the environment or `.env` sets them, and they have no effect.

It decides which unknown names resemble a setting. Programs share an environment, so all others are left alone.
"""

import difflib
from collections.abc import Collection, Iterable
from typing import Final

_SIMILAR: Final = 0.86
# Of programs that share the environment, and near to a name of ours.
_OF_OTHERS: Final = frozenset(
    {
        *("AWS_DEFAULT_REGION", "SECRET_KEY", "LOGLEVEL"),
        *(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT" for signal in ("LOGS", "METRICS")),
    }
)


def misspelt(names: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """The unknown ones of these names that resemble a known one, each with that. Case does not count."""
    settings = {name.upper() for name in known}
    found: dict[str, str] = {}
    for name in sorted(set(names)):
        plain = name.upper().removeprefix("POSTERN_")
        if name.upper() in settings or plain in _OF_OTHERS:
            continue
        near = [plain] if plain in settings else difflib.get_close_matches(plain, settings, n=1, cutoff=_SIMILAR)
        if near:
            found[name] = near[0]
    return found
