"""What the forms of an application send. The services decide the values."""

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from app.domain.apps.budget import Pauses
from app.domain.apps.callers import Scope
from app.domain.apps.key_kinds import KeyKind
from app.domain.moments import read_duration
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.services.apps.app_options import MOST_OF_TEAM, AppOptions, NoLimit
from app.web.console.frame.forms import Checked, Several, WithReason
from app.web.http.fields import IntegerText, UntilField, read_text

_MOST_SENDERS: Final = 1_000
_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d{1,4})?) ?%?", re.ASCII)


def _words(value: Any) -> Any:
    return re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else value


def _share(value: Any) -> float:
    found = _PERCENT.fullmatch(read_text(value).strip())
    if found is None:
        raise PydanticCustomError("percent", "Give a percentage, such as 2 or 0.05.")
    return float(found[1]) / 100


def _duration(value: Any) -> timedelta:
    duration = read_duration(read_text(value))
    if duration is None:
        raise PydanticCustomError("duration", "Give a number and a unit: 30m, 24h, 7d or 2w.")
    return duration


Senders = Annotated[tuple[str, ...], BeforeValidator(_words), Field(max_length=_MOST_SENDERS)]
"""Addresses, `@domain` or `*`, with spaces, commas or line breaks between them."""

Team = Annotated[tuple[str, ...], BeforeValidator(_words), Field(max_length=MOST_OF_TEAM)]
"""Addresses or `@domain`, written as senders are."""

Share = Annotated[float, PlainValidator(_share)]
"""A percentage, as a share."""


class Settings(WithReason):
    """All settings of an application. A limit that is empty does not exist."""

    senders: Senders = ()
    team: Team = ()
    default_lane: Lane
    default_stream: str
    on_unconfirmed: OnUnconfirmed
    emails_per_second: IntegerText | None = None
    emails_per_day: IntegerText | None = None
    reason_optional: Checked

    def options(self) -> AppOptions:
        """The settings as the services take them."""
        return AppOptions(
            senders=self.senders,
            team=self.team,
            default_lane=self.default_lane,
            default_stream=self.default_stream,
            reason_optional=self.reason_optional,
            on_unconfirmed=self.on_unconfirmed,
            emails_per_second=_limit(self.emails_per_second),
            emails_per_day=_limit(self.emails_per_day),
        )


class NewKey(WithReason):
    """A new key. It works to the end of the day `expires_at`; without one it does not expire."""

    name: str = ""
    scopes: Annotated[tuple[Scope, ...], Several]
    kind: KeyKind = KeyKind.LIVE
    expires_at: UntilField | None = None


class KeyRotation(WithReason):
    """For how long the old key works beside the new one."""

    overlap: Annotated[timedelta, PlainValidator(_duration)]


class Lines(WithReason):
    """The lines of a budget, in percent, and what follows."""

    warn_bounces: Share
    pause_bounces: Share
    warn_complaints: Share
    pause_complaints: Share
    minimum: IntegerText
    pauses: Pauses


class StreamSettings(WithReason):
    """A stream: its title for readers, and whether its email has links to unsubscribe."""

    stream: str
    title: str | None = None
    unsubscribe: Checked


def _limit(number: int | None) -> int | NoLimit:
    return NoLimit.NO_LIMIT if number is None else number
