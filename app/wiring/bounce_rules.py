"""The rules by which bounces are read: those of the package, after those of the operator."""

import tomllib
from functools import cache
from importlib.resources import files

from app.domain.feedback.bounce_reader import BounceReader
from app.domain.feedback.reply_reader import ReplyReader
from app.domain.feedback.reply_rules import BadRules, ReplyRule, read_rules
from config import Settings, SettingsError

_LARGEST = 1_048_576


def build_bounce_reader(settings: Settings) -> BounceReader:
    """The reader of bounces. Raises `SettingsError` if the file of BOUNCE_RULES cannot be used."""
    own = _of_operator(settings)
    return BounceReader(ReplyReader(own, packaged_rules()) if own else _packaged_reader())


@cache
def _packaged_reader() -> ReplyReader:
    """Made once: it never changes, and takes longer than all else that a gateway is built of."""
    return ReplyReader(packaged_rules())


@cache
def packaged_rules() -> tuple[ReplyRule, ...]:
    """The rules of the package."""
    return read_rules(tomllib.loads(files("app.domain.feedback").joinpath("bounce_rules.toml").read_text("utf-8")))


def _of_operator(settings: Settings) -> tuple[ReplyRule, ...]:
    file = settings.bounce_rules
    if file is None:
        return ()
    try:
        if file.stat().st_size > _LARGEST:
            raise BadRules(f"A file of bounce rules has at most {_LARGEST} bytes.")
        return read_rules(tomllib.loads(file.read_text("utf-8")))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(f"Postern cannot start: BOUNCE_RULES ({file}): {reason}") from error
