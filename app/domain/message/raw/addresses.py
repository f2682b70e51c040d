"""The mailboxes of a header field of a raw message, found by the rules for every mailbox (`mailboxes`).

It decides what encoded-words and empty groups add to those rules: a word is decoded once the mailboxes are told apart,
so that no comma and no @ inside a word can make one more.
"""

import re
from dataclasses import replace
from typing import Final

from app.domain.message.address import AddressRule, InvalidAddress, Mailbox
from app.domain.message.mailboxes import parse_mailboxes
from app.domain.message.raw.encoded_words import RUN, read_run

_EMPTY_GROUP: Final = re.compile(r'(?:"[^"]{0,100}"|[^:;@<>,"]{1,100}):[ ]*;')
# Stands for an encoded-word while mailboxes are told apart: it can be in a name, and in no address.
_STAND_IN: Final = "\u2985{}\u2986"
_ANY_STAND_IN: Final = re.compile(_STAND_IN.format("([0-9]{1,6})"))


def header_mailboxes(value: str) -> tuple[Mailbox, ...]:
    """The mailboxes of an address field; none for an empty one and for an empty group (`undisclosed-recipients:;`).

    Raises `InvalidAddress`.
    """
    if not value or _EMPTY_GROUP.fullmatch(value):
        return ()
    if _ANY_STAND_IN.search(value):
        raise InvalidAddress(AddressRule.NAME)
    words: list[str] = []

    def stand_in(run: re.Match[str]) -> str:
        words.append(run[0])
        return _STAND_IN.format(len(words) - 1)

    found = parse_mailboxes(RUN.sub(stand_in, value))
    return tuple(_with_words(one, words) for one in found) if words else found


def _with_words(mailbox: Mailbox, words: list[str]) -> Mailbox:
    if mailbox.name is None:
        return mailbox
    name = _ANY_STAND_IN.sub(lambda place: read_run(words[int(place[1])]), mailbox.name)
    return replace(mailbox, name=name.strip(" ") or None)
