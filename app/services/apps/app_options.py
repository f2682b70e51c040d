"""The options of an application: which values they may have, and what a request for a key may say of them.

A key never changes an application that exists: the request may only repeat what is true of it already.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from shlex import join
from typing import Any, Final

from app.domain.apps.callers import parse_member, parse_sender
from app.domain.apps.limits import MOST
from app.domain.errors import Fault, ValidationFailed
from app.domain.message.address import InvalidAddress
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.services.apps.streams import check_stream
from app.store.apps.apps import App
from app.store.engine.ids import new_id

MOST_OF_TEAM: Final = 100
"""The most addresses and domains of a team. Every look-up of a key reads them."""

_LIMITS: Final = ("emails_per_second", "emails_per_day")


class NoLimit(Enum):
    """What takes a limit away."""

    NO_LIMIT = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOptions:
    """Options of an application; None means not given. A sender is a From address, `@domain` or `*`.

    Keys of the kind `team` write to the addresses and domains of the `team` only.
    """

    senders: tuple[str, ...] | None = None
    team: tuple[str, ...] | None = None
    default_lane: Lane | None = None
    default_stream: str | None = None
    reason_optional: bool | None = None
    on_unconfirmed: OnUnconfirmed | None = None
    emails_per_second: int | NoLimit | None = None
    emails_per_day: int | NoLimit | None = None

    def checked(self) -> "AppOptions":
        """The same with normalised senders and team, each once. Raises `ValidationFailed`."""
        faults = (*self._faults_of_stream(), *self._faults_of_limits(), *self._faults_of_team())
        if faults:
            raise ValidationFailed(faults[0].detail, faults=faults)
        return replace(
            self,
            senders=_parsed(self.senders, parse_sender, "/senders", "A sender is an address, @domain or *."),
            team=_parsed(self.team, parse_member, "/team", "A team has addresses and @domains."),
        )

    def given(self) -> dict[str, Any]:
        """The given options, by the field of `App`."""
        named = {name: getattr(self, name) for name in self.__slots__}
        return {name: _stored(value) for name, value in named.items() if value is not None}

    def new_app(self, name: str, *, created_at: datetime) -> App:
        """A new application with these options, and the defaults for all others."""
        defaults: dict[str, Any] = {"senders": (), "default_lane": Lane.TRANSACTIONAL, "reason_optional": False}
        return App(id=new_id(), name=name, created_at=created_at, **(defaults | self.given()))

    def require_alike(self, app: App) -> None:
        """Raise `ValidationFailed` if an existing application differs from them, with the command to run."""
        differing = [name for name, value in self.given().items() if not _alike(value, getattr(app, name))]
        if differing:
            command = f"./postern {join(['app', 'set', app.name, *self._words(differing)])}"
            rule = f"The application exists and differs in {', '.join(map(_option, differing))}, which a key does not"
            faults = tuple(Fault(f"/{name}", "differs", "This is not what the application has.") for name in differing)
            raise ValidationFailed(f"{rule} change: leave it out, or first run `{command}`.", faults=faults)

    def _faults_of_stream(self) -> Iterator[Fault]:
        if self.default_stream is not None and (fault := check_stream(self.default_stream)):
            yield replace(fault, pointer="/default_stream")

    def _faults_of_limits(self) -> Iterator[Fault]:
        for name in _LIMITS:
            value = getattr(self, name)
            if isinstance(value, int) and not 1 <= value <= MOST:
                yield Fault(f"/{name}", "out_of_range", f"A limit is 1 to {MOST} recipients, or none.")

    def _faults_of_team(self) -> Iterator[Fault]:
        if self.team is not None and len(self.team) > MOST_OF_TEAM:
            yield Fault("/team", "too_many", f"A team has at most {MOST_OF_TEAM} addresses and domains.")

    def _words(self, names: Iterable[str]) -> list[str]:
        words: list[str] = []
        for name in names:
            value = getattr(self, name)
            if isinstance(value, bool):
                words.append(_option(name) if value else f"--no-{_option(name).removeprefix('--')}")
                continue
            for one in value if isinstance(value, tuple) else (value,):
                words += [_option(name), str(one)]
        return words


def _parsed(
    texts: Iterable[str] | None, parse: Callable[[str], str], pointer: str, rule: str
) -> tuple[str, ...] | None:
    try:
        return None if texts is None else tuple(dict.fromkeys(map(parse, texts)))
    except InvalidAddress as error:
        rule = f"{rule} {error}"
        raise ValidationFailed(rule, faults=(Fault(pointer, "grammar", rule),)) from error


def _stored(value: Any) -> Any:
    return None if value is NoLimit.NO_LIMIT else value


def _alike(given: Any, is_so: Any) -> bool:
    return set(given) == set(is_so) if isinstance(given, tuple) else bool(given == is_so)


def _option(name: str) -> str:
    return {"senders": "--sender", "default_lane": "--lane"}.get(name, f"--{name.replace('_', '-')}")
