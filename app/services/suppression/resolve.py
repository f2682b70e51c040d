"""From what a caller names, an id or an address or a domain, to the entries of the list that are meant.

An address is on the list under up to three names: its own, that of its whole domain, and the pseudonym of somebody who
was forgotten. To look it up all three count; to change an entry, never that of the domain: it has to be named itself.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.domain.callers import Caller
from app.domain.errors import NotFound
from app.services.entries import check_whom, read_whom, visible
from app.store import suppressions
from app.store.pseudonyms import Pseudonyms
from app.store.suppressions import Suppression, is_address


@dataclass(frozen=True, slots=True)
class Named:
    """What a caller named: one entry by its id, or all under these names, that of the address itself first."""

    entry_id: UUID | None
    keys: tuple[str, ...] = ()


class Naming:
    """Reads what callers name. Ask it outside a transaction: the first pseudonym of a process needs one of its own."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms

    def __call__(self, id_or_email: str, *, changing: Caller | None = None) -> Named:
        """What is named; with `changing`, by somebody who means to change it.

        Raises `ValidationFailed`, and `RestrictedApiKey` for a change of a whole domain without `admin`.
        """
        entry_id = _uuid(id_or_email)
        if entry_id is not None:
            return Named(entry_id)
        whom = check_whom(changing, id_or_email, "/email") if changing else read_whom(id_or_email, "/email")
        if whom.address is None:
            return Named(None, (whom.key,))
        names = (*around(whom.key), self._pseudonyms(whom.key))
        return Named(None, own(names) if changing else names)


def around(key: str) -> tuple[str, ...]:
    """The names that catch an address, besides its pseudonym: its own and its domain's. Of another name, itself."""
    return (key, key[key.index("@") :]) if is_address(key) else (key,)


def own(keys: tuple[str, ...]) -> tuple[str, ...]:
    """These names of one address without that of its domain."""
    return tuple(key for key in keys if key == keys[0] or not key.startswith("@"))


def live_entries(connection: Connection, caller: Caller, named: Named) -> tuple[Suppression, ...]:
    """The live entries that are named and that the caller may change."""
    if named.entry_id is None:
        return visible(caller, suppressions.live(connection, *named.keys))
    entry = suppressions.by_id(connection, named.entry_id)
    return changeable(caller, entry) if entry is not None and entry.removed_at is None else ()


def changeable(caller: Caller, entry: Suppression) -> tuple[Suppression, ...]:
    """The entry, if the caller may change it. Raises `RestrictedApiKey` for a whole domain without `admin`."""
    if entry.key.startswith("@"):
        check_whom(caller, entry.key, "/id")
    return visible(caller, (entry,))


def visible_entry(connection: Connection, caller: Caller, named: Named) -> Suppression:
    """The entry of this id, live or not. Raises `NotFound` where there is none that concerns the caller."""
    entry = suppressions.by_id(connection, named.entry_id) if named.entry_id else None
    if entry is None or not visible(caller, (entry,)):
        raise NotFound("There is no such suppression.")
    return entry


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
