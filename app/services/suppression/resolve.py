"""Find the entries of the list that a caller names by an id, an address or a domain.

An address may be on the list under up to three names: its own, that of its whole domain, and the pseudonym of a
forgotten person. A look-up uses all three. A change never uses that of the domain, which has to be named itself.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.domain.apps.callers import Caller
from app.domain.errors import NotFound
from app.services.suppression.entries import check_target, read_target, visible
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.suppression import suppressions
from app.store.suppression.suppressions import Suppression, is_address


@dataclass(frozen=True, slots=True)
class Named:
    """What a caller named: one entry by its id, or all entries under these names, the address's own name first."""

    entry_id: UUID | None
    keys: tuple[str, ...] = ()


class Naming:
    """Reads what callers name. Call it outside a transaction: the first pseudonym of a process needs its own."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms

    def __call__(self, id_or_email: str, *, changing: Caller | None = None) -> Named:
        """What the text names; `changing` is a caller who wants to change the entries.

        Raises `ValidationFailed`, and `RestrictedApiKey` for a change of a whole domain without `admin`.
        """
        entry_id = _uuid(id_or_email)
        if entry_id is not None:
            return Named(entry_id)
        target = check_target(changing, id_or_email, "/email") if changing else read_target(id_or_email, "/email")
        if target.address is None:
            return Named(None, (target.key,))
        names = (*around(target.key), self._pseudonyms(target.key))
        return Named(None, own(names) if changing else names)


def around(key: str) -> tuple[str, ...]:
    """The names that cover an address, except its pseudonym: its own and its domain's. For any other name, itself."""
    return (key, key[key.index("@") :]) if is_address(key) else (key,)


def own(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The names of one address without that of its domain."""
    return tuple(key for key in keys if key == keys[0] or not key.startswith("@"))


def live_entries(connection: Connection, caller: Caller, named: Named) -> tuple[Suppression, ...]:
    """The named live entries that the caller may change."""
    if named.entry_id is None:
        return visible(caller, suppressions.live(connection, *named.keys))
    entry = suppressions.by_id(connection, named.entry_id)
    return changeable(caller, entry) if entry is not None and entry.removed_at is None else ()


def changeable(caller: Caller, entry: Suppression) -> tuple[Suppression, ...]:
    """The entry; empty when the caller may not see it. Raises `RestrictedApiKey` for a whole domain without `admin`."""
    if entry.key.startswith("@"):
        check_target(caller, entry.key, "/id")
    return visible(caller, (entry,))


def visible_entry(connection: Connection, caller: Caller, named: Named) -> Suppression:
    """The entry of this id, live or not. Raises `NotFound` when there is none that the caller may see."""
    entry = suppressions.by_id(connection, named.entry_id) if named.entry_id else None
    if entry is None or not visible(caller, (entry,)):
        raise NotFound("There is no such suppression.")
    return entry


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
