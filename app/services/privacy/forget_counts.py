"""The results of forgetting people, as `app.services.privacy.forget` returns them."""

from dataclasses import dataclass

from app.store.privacy.erasure import Erased


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An entry that stays under the pseudonym."""

    scope: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """The result of forgetting one person.

    `suppressed` are the entries that still block emails. `ses_account` says what became of the address on SES's own
    list: `removed`, `absent`, or `kept` when SES was not to be asked. `compacted` is False where the database file may
    still contain old text in unused pages, None where that is up to the database server.
    """

    pseudonym: str
    canceled: int
    erased: Erased
    mentions: int
    suppressed: tuple[Kept, ...]
    ses_account: str
    compacted: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A person who could not be forgotten now, and why: try again later."""

    email: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenTogether:
    """The result of forgetting several people.

    `mentions` and `compacted` are for all of them together; in each of `done` they are 0 and None.
    """

    done: tuple[Forgotten, ...]
    refused: tuple[Refused, ...]
    mentions: int
    compacted: bool | None
