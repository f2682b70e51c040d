"""What a request about applications and keys may ask: its bodies, field by field. The services decide the values."""

from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import Field, PlainValidator, StrictBool, StrictInt, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.domain.apps.callers import Scope
from app.domain.apps.key_kinds import KeyKind
from app.domain.moments import read_duration
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.services.apps.app_options import MOST_OF_TEAM, AppOptions, NoLimit
from app.services.apps.issue_keys import OVERLAP
from app.web.http.fields import NOT_EMPTY, MomentField, read_text
from app.web.http.known import Known

MAX_SENDERS: Final = 1_000
SENDING: Final = (Scope.EMAILS_SEND, Scope.EMAILS_READ)
_LIMITS: Final = frozenset({"emails_per_second", "emails_per_day"})


def _duration(value: Any) -> timedelta:
    duration = read_duration(read_text(value))
    if duration is None:
        raise PydanticCustomError("duration", "Give a number and a unit: 30m, 24h, 7d or 2w.")
    return duration


DurationField = Annotated[
    timedelta, PlainValidator(_duration), WithJsonSchema({"type": "string", "examples": ["30m", "24h", "7d", "2w"]})
]


class AppSettings(Known):
    """The settings of an application. What is left out stays as it is; a new application gets the default."""

    senders: Annotated[tuple[str, ...], Field(max_length=MAX_SENDERS)] = Field(
        (), description="Addresses, @domains or *, that it may send as. They replace all that it had."
    )
    team: Annotated[tuple[str, ...], Field(max_length=MOST_OF_TEAM)] = Field(
        (), description="Addresses and @domains that its team keys write to. They replace all that it had."
    )
    default_lane: Lane = Field(Lane.TRANSACTIONAL, description="The lane of emails that name none.")
    default_stream: str = Field("default", description="The stream of emails that name none.")
    on_unconfirmed: OnUnconfirmed = Field(
        OnUnconfirmed.RESEND,
        description="What to do when it is unknown whether SES accepted an email, unless the email says.",
    )
    reason_optional: StrictBool = Field(
        default=False, description="Whether it may unsuppress an address without a reason."
    )
    emails_per_second: StrictInt | None = Field(None, description="The most recipients in a second; null: no limit.")
    emails_per_day: StrictInt | None = Field(None, description="The most recipients in a day of UTC; null: no limit.")

    def options(self) -> AppOptions:
        """The settings that were given, as the services take them."""
        given = {name: getattr(self, name) for name in self.model_fields_set & set(AppSettings.model_fields)}
        removed = {name: NoLimit.NO_LIMIT for name in _LIMITS & given.keys() if given[name] is None}
        return AppOptions(**given | removed)


class AppBody(AppSettings):
    """A new application."""

    name: str = Field(description="1 to 63 of a-z, 0-9 and hyphen. It stays.")


class KeyBody(Known):
    """A new API key."""

    name: str = Field("", description="A name to tell the application's keys apart.")
    scopes: Annotated[tuple[Scope, ...], NOT_EMPTY] = Field(
        SENDING, description="What it may do; `ses` and `smtp` are doors that it opens beside this API."
    )
    kind: KeyKind = Field(
        KeyKind.LIVE, description="A `team` key writes only to the team of the application, a `test` key sends nothing."
    )
    expires_at: MomentField | None = Field(None, description="Default: it does not expire.")


class RotationBody(Known):
    """How long both keys are valid, and when the new one expires."""

    overlap: DurationField = Field(OVERLAP, description="For how long the old key stays valid; 30 days at most.")
    expires_at: MomentField | None = Field(None, description="Default: after as long as the old key was to last.")
