"""Change an application: its senders, its lane, its policy for unconfirmed email. It creates none.

It also decides what a request for a key may say of an existing application: only what is true of it already.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from shlex import join
from typing import Any

from app.domain.apps.callers import parse_sender
from app.domain.errors import Fault, NotFound, ValidationFailed
from app.domain.message.address import InvalidAddress
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.queue import Lane
from app.store.apps import apps
from app.store.apps.apps import App
from app.store.engine.database import Database
from app.store.operating import audit

_POINTERS = {"default_lane": "/lane"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOptions:
    """Options of an application; None means not given."""

    senders: tuple[str, ...] | None = None
    default_lane: Lane | None = None
    reason_optional: bool | None = None
    on_unconfirmed: OnUnconfirmed | None = None

    def said(self) -> dict[str, Any]:
        """The given options, by the field of `App`."""
        named = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in named.items() if value is not None}

    def require_alike(self, app: App) -> None:
        """Raise `ValidationFailed` if an existing application differs from them, with the command to run."""
        differing = [name for name, value in self.said().items() if not _alike(value, getattr(app, name))]
        if differing:
            command = f"./postern {join(['app', 'set', app.name, *self._words(differing)])}"
            rule = f"The application exists and differs in {', '.join(map(_option, differing))}, which a key does not"
            faults = tuple(
                Fault(_POINTERS.get(name, f"/{name}"), "differs", "This is not what the application has.")
                for name in differing
            )
            raise ValidationFailed(f"{rule} change: leave it out, or first run `{command}`.", faults=faults)

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


class ChangeApp:
    """Changes applications."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def __call__(
        self,
        app: str,
        *,
        actor: str,
        senders: tuple[str, ...] = (),
        lane: Lane | None = None,
        reason_optional: bool | None = None,
        on_unconfirmed: OnUnconfirmed | None = None,
    ) -> App:
        """The changed application. What is empty or None stays as it was.

        For five seconds requests may still be judged by the old values. Raises `NotFound` and `ValidationFailed`.
        """
        wanted = AppOptions(
            senders=senders_of(senders) if senders else None,
            default_lane=lane,
            reason_optional=reason_optional,
            on_unconfirmed=on_unconfirmed,
        ).said()
        with self._database.transaction() as connection:
            changed = apps.change(connection, app, wanted)
            if changed is None:
                raise NotFound("There is no such application; its first key makes it (`./postern key create`).")
            data = {"app": app, "changed": sorted(wanted)}
            audit.write(connection, actor=actor, action="app_change", key=None, reason=None, data=data)
        return changed


def senders_of(texts: Iterable[str]) -> tuple[str, ...]:
    """From addresses, `@domain` or `*`, normalised, each once. Raises `ValidationFailed`."""
    try:
        return tuple(dict.fromkeys(map(parse_sender, texts)))
    except InvalidAddress as error:
        rule = f"A sender is an address, @domain or *. {error}"
        raise ValidationFailed(rule, faults=(Fault("/senders", "grammar", rule),)) from error


def _alike(said: Any, is_so: Any) -> bool:
    return set(said) == set(is_so) if isinstance(said, tuple) else bool(said == is_so)


def _option(name: str) -> str:
    return {"senders": "--sender", "default_lane": "--lane"}.get(name, f"--{name.replace('_', '-')}")
