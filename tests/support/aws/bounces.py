"""The reader of bounces with the rules of the package."""

from functools import cache

from app.domain.feedback.bounce_reader import BounceReader
from app.domain.feedback.reply_reader import ReplyReader
from app.wiring.bounce_rules import packaged_rules


@cache
def bounce_reader() -> BounceReader:
    """The one reader that tests share."""
    return BounceReader(ReplyReader(packaged_rules()))
