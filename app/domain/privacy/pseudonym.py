"""Pseudonyms, which stand for the addresses of forgotten people, and texts in which they replace an address.

It decides which text is a pseudonym, and finds an address in a text in each of its spellings. How a pseudonym is made
is decided in `app.store.privacy.pseudonyms`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import idna

from app.domain.message.address import Address, read_reported

PREFIX = "#"


def is_pseudonym(text: str) -> bool:
    """Whether `text` is the pseudonym of a forgotten person; no address is one, since each has an @."""
    return text.startswith(PREFIX) and "@" not in text


def read_named(text: str) -> Address | None:
    """The address that SES means by `text`, or the pseudonym that was put in its place; None when it is neither.

    A pseudonym has an empty domain.
    """
    return Address(email=text, key=text, envelope=f"{text}@") if is_pseudonym(text) else read_reported(text)


@dataclass(frozen=True)
class Person:
    """A person to be forgotten: the suppression key of the address, and the pseudonym that replaces it."""

    key: str
    pseudonym: str

    @cached_property
    def spellings(self) -> tuple[str, ...]:
        """How the address may stand in a text, in lower case: plain, with its domain in letters, escaped."""
        local_part, _, domain = self.key.rpartition("@")
        plain = dict.fromkeys((self.key, f"{local_part}@{_in_letters(domain)}"))
        return tuple(dict.fromkeys(spelling for one in plain for spelling in _escaped(one)))

    def taken_out_of(self, value: Any) -> Any:
        """A text or a JSON value with the pseudonym in place of the address; longer addresses stay as they are."""
        match value:
            case str():
                return self._anywhere.sub(self.pseudonym, value)
            case list():
                return [self.taken_out_of(one) for one in value]
            case dict():
                return {self.taken_out_of(name): self.taken_out_of(one) for name, one in value.items()}
            case _:
                return value

    @cached_property
    def _anywhere(self) -> re.Pattern[str]:
        either = "|".join(re.escape(spelling) for spelling in self.spellings)
        # RFC 5321 lets an address begin with a slash or an equals sign; in a text they stand before one.
        before, after = r"(?<![A-Za-z0-9._+-])", r"(?![A-Za-z0-9_-]|\.[A-Za-z0-9])"
        return re.compile(f"{before}(?:{either}){after}", re.IGNORECASE)


def _in_letters(domain: str) -> str:
    try:
        return idna.decode(domain)
    except idna.IDNAError:
        return domain


def _escaped(text: str) -> Iterator[str]:
    """The text as it is, in JSON, and in a URL."""
    for one in (text, json.dumps(text)[1:-1]):
        yield one
        yield one.replace("@", "%40")
