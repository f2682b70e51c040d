"""What lists about emails are filtered by: whose they are, what they are about, and when they were accepted.

A recipient, an actor and a reference may name a person, so a URL has tokens in their place. The form of such a list is
sent with POST, and answered by the URL of the list.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from app.domain.apps.own_words import ACTOR_LIMIT, KEY_LIMIT
from app.domain.errors import NotFound
from app.domain.moments import read_since, read_until
from app.services.paging import Page
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.forms import Form
from app.web.console.frame.lists import ListQuery
from app.web.console.frame.masks import shown
from app.web.http.context import current_gateway
from app.web.http.fields import EACH, TagField

_MOST_APPS: Final = 100


def _read_by(read: Callable[[str], datetime | None]) -> AfterValidator:
    def checked(text: str) -> str:
        if read(text) is None:
            raise PydanticCustomError("moment", "Give a date (UTC) such as 2027-01-31.")
        return text

    return AfterValidator(checked)


SinceText = Annotated[str, Field(max_length=40), _read_by(read_since)]
"""Where a period begins, as it was written, so that a form can show it again."""

UntilText = Annotated[str, Field(max_length=40), _read_by(read_until)]
"""Where a period ends, as it was written. A date is included."""

Token = Annotated[str, Field(max_length=1_000)]
"""What stands for a text in a URL; see `AddressTokens`."""

TagWritten = Annotated[TagField, PlainSerializer(":".join)]

EACH_OF: Final = (EACH, PlainSerializer(",".join))
"""For several values in one parameter: `state=queued,retry_wait`."""


class _Common(Form):
    app: Annotated[str, Field(max_length=63)] | None = None
    stream: Annotated[str, Field(max_length=64)] | None = None
    tag: TagWritten | None = None
    since: SinceText | None = None
    until: UntilText | None = None


class EmailListQuery(_Common, ListQuery):
    """The filters in a URL. `to`, `actor` and `reference` are tokens. `format`: the whole list as a file."""

    to: Token | None = None
    actor: Token | None = None
    reference: Token | None = None
    format: Literal["csv"] | None = None

    def sought(self) -> dict[str, Any]:
        """The filters as `EmailFilter` and `OutcomeFilter` call them, but for the recipient. Raises `NotFound`."""
        return {
            "actor": text_of(self.actor),
            "reference": text_of(self.reference),
            "app": self.app,
            "stream": self.stream,
            "since": read_since(self.since) if self.since else None,
            "until": read_until(self.until) if self.until else None,
        }


class EmailListForm(_Common):
    """The filters in a form. `kept_to` and its like are the tokens of what the form showed before it was changed."""

    to: Annotated[str, Field(max_length=ACTOR_LIMIT)] | None = None
    actor: Annotated[str, Field(max_length=ACTOR_LIMIT)] | None = None
    reference: Annotated[str, Field(max_length=KEY_LIMIT)] | None = None
    kept_to: Token | None = None
    kept_actor: Token | None = None
    kept_reference: Token | None = None

    def for_url(self) -> dict[str, Any]:
        """The same as the parameters of a URL."""
        texts = {name: _token_of(getattr(self, name), getattr(self, f"kept_{name}")) for name in _NAMING}
        rest = self.model_dump(mode="json", exclude_none=True, exclude={*texts, *(f"kept_{name}" for name in texts)})
        return {name: value for name, value in (rest | texts).items() if value}


_NAMING: Final = ("to", "actor", "reference")


def text_of(token: str | None) -> str | None:
    """The text behind a token. Raises `NotFound` when it is none of ours."""
    if token is None:
        return None
    text = current_gateway().address_tokens.read(token)
    if text is None:
        raise NotFound("The link is damaged. Filter the list again.")
    return text


def app_names(session: Session) -> tuple[str, ...]:
    """The names to choose an application from; none when there are too many for that."""
    found = current_gateway().apps.page(caller_of(session), Page(_MOST_APPS))
    return () if found.has_more else tuple(sorted(app.name for app in found.data))


def _token_of(text: str | None, kept: str | None) -> str | None:
    """The token of a text that was typed. A text that is still as it was shown, perhaps masked, keeps its token."""
    stripped = text.strip() if text else ""
    if kept is not None and stripped == shown(text_of(kept) or ""):
        return kept
    return current_gateway().address_tokens.write(stripped) if stripped else None
