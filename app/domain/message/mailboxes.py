"""Mailboxes as people and programs write them: names without quotes, lists in one text, spaces around.

It decides how many mailboxes a text names, and refuses a text in which another reader could find one more. What it
takes is read by one rule: an address is what stands between angle brackets, or a part of a list that is an address by
itself. Everything else is a name, and a name that holds an address has to be in quotes (CVE-2023-27043).
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from app.domain.message.address import (
    ADDRESS_LIMIT,
    NAME_LIMIT,
    AddressRule,
    InvalidAddress,
    Mailbox,
    parse_address,
)
from app.domain.message.text_rules import broken_text_rule, detail_of
from app.domain.message.unseen import first_unseen, is_misleading, is_unseen

MAX_MAILBOXES = 50
"""The most addresses that one field may list. A setting limits the recipients of an email as a whole."""

TEXT_LIMIT = MAX_MAILBOXES * (ADDRESS_LIMIT + NAME_LIMIT)
"""Characters of one text that lists mailboxes."""

_REMEMBERED = 1000
_OF_ONE = ADDRESS_LIMIT + NAME_LIMIT
_AROUND = " \t\r\n"
_NEEDS_QUOTES = re.compile(r'[()<>\[\]:;@\\,"]')
_QUOTED_NAME = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
"""What stands in quotes, to the end where none closes: else the end would be searched for from each quote anew."""

_QUOTED = re.compile(QUOTED)
_CLOSING = "@.)]\"'"
_SPACES_AROUND_AT = re.compile(r"(?<! ) *@ *")


def parse_mailbox(text: str) -> Mailbox:
    """The one mailbox that `text` is. Raises `InvalidAddress`, for a list of several too."""
    found = parse_mailboxes(text)
    if len(found) > 1:
        raise InvalidAddress(AddressRule.ONE_MAILBOX)
    return found[0]


def written(name: str | None, address: str) -> str:
    """A mailbox as one text that reads back as itself: the name in quotes where it holds more than words."""
    if not name:
        return address
    if not _NEEDS_QUOTES.search(name):
        return f"{name} <{address}>"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>'


def parse_mailboxes(text: str) -> tuple[Mailbox, ...]:
    """The mailboxes that `text` names, in order, at least one: `a@b.example`, `Lee, Ann <a@b.example>`, or a list.

    Commas and semicolons separate mailboxes, unless what stands before them is no address: then they belong to a name.
    Groups, source routes, text after an address, and names without quotes that look like an address raise
    `InvalidAddress`: mail software reads them differently.
    """
    if len(text) > TEXT_LIMIT:
        raise InvalidAddress(AddressRule.TOO_LONG)
    return _of_one_recipient(text) if len(text) <= _OF_ONE else _of_text(text)


@lru_cache(_REMEMBERED)
def _of_one_recipient(text: str) -> tuple[Mailbox, ...]:
    # A sender is read for each email.
    return _of_text(text)


def _of_text(text: str) -> tuple[Mailbox, ...]:
    text = text.strip(_AROUND)
    if _is_plain(text):
        return (Mailbox(None, parse_address(text)),)
    if unsafe := broken_text_rule(text):
        raise InvalidAddress(unsafe, detail_of(unsafe, text))
    written = _pieces(text)
    found = []
    for number, piece in enumerate(written, 1):
        try:
            found.append(_mailbox(piece))
        except InvalidAddress as broken:
            if len(written) == 1:
                raise
            raise InvalidAddress(broken.rule, f"Address {number} of {len(written)}: {broken}") from None
    return tuple(found)


def _is_plain(text: str) -> bool:
    """Whether it can only be a bare address, valid or not."""
    return not any(character in text for character in '<>,;"')


def _pieces(text: str) -> list[str]:
    """The parts of a list, each with the mailbox that it should be. Raises `InvalidAddress` when there is none."""
    pieces: list[str] = []
    begin = None
    for start, end in _parts(text):
        part = text[start:end]
        if begin is None and not part.strip(_AROUND):
            continue
        begin = start if begin is None else begin
        if "<" in _without_quotes(part) or _looks_like_an_address(part):
            pieces.append(text[begin:end].strip(_AROUND))
            begin = None
    if begin is not None:
        pieces.append(text[begin:].strip(_AROUND))
    if not pieces:
        raise InvalidAddress(AddressRule.EMPTY)
    structure = _without_quotes(text)
    if ";" in structure and ":" in structure:
        raise InvalidAddress(AddressRule.NAME)  # a group (RFC 5322 section 3.4)
    return pieces


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Where the parts between commas and semicolons start and end; none is split in quotes or angle brackets."""
    start, quoted, escaped, angled = 0, False, False, False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            quoted, escaped = character != '"', character == "\\"
        elif character == '"':
            quoted = True
        elif character in "<>":
            angled = character == "<"
        elif character in ",;" and not angled:
            yield start, place
            start = place + 1
    if quoted:
        raise InvalidAddress(AddressRule.NAME)
    yield start, len(text)


def _without_quotes(text: str) -> str:
    """`text` without what stands in quotes, for looking at its structure."""
    return _QUOTED.sub("", text)


def _looks_like_an_address(text: str) -> bool:
    """Whether some reader could take a part of `text`, outside of quotes or inside, for an address.

    An @ between two words without spaces is one. With spaces around it, which RFC 5322 lets a reader ignore, it is one
    when a domain with a dot follows: `Events @ ACME` is a name.
    """
    if "@" not in text:
        return False
    if any("@" in word[1:-1] for word in text.split()):
        return True
    joined = _SPACES_AROUND_AT.sub("@", text.replace("\t", " ")).split()
    return any("." in word[place:].strip(_CLOSING) for word in joined if (place := word.find("@", 1)) > 0)


def _mailbox(piece: str) -> Mailbox:
    if not piece.endswith(">"):
        if "<" not in piece:
            return Mailbox(None, parse_address(piece))
        if unseen := first_unseen(piece.rpartition(">")[2]):
            raise InvalidAddress(AddressRule.UNSEEN, f"{AddressRule.UNSEEN.sentence} Found {unseen}, after the >.")
        raise InvalidAddress(AddressRule.NAME)
    phrase, bracket, inside = piece[:-1].rpartition("<")
    if not bracket:
        raise InvalidAddress(AddressRule.NAME)
    address = parse_address(inside.strip(_AROUND))
    name = _read_name(phrase.strip(_AROUND), of=address.email)
    check_name(name)
    return Mailbox(name or None, address)


def check_name(name: str) -> None:
    """Raise `InvalidAddress` for a name that reads differently from what it holds, or of which nothing is seen."""
    if name and (unseen := first_unseen(name, is_misleading) or _only_unseen(name)):
        raise InvalidAddress(AddressRule.NAME_UNSEEN, f"{AddressRule.NAME_UNSEEN.sentence} Found {unseen}.")


def _only_unseen(name: str) -> str | None:
    """The first character of a name of which nothing is seen."""
    if all(character == " " or is_unseen(character) for character in name):
        return first_unseen(name)
    return None


def _read_name(phrase: str, *, of: str) -> str:
    quoted = _QUOTED_NAME.fullmatch(phrase)
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1]).strip(" ")
    if phrase.lower() == of.lower():
        return phrase
    if "<" in phrase or ">" in phrase or "\\" in phrase or _looks_like_an_address(phrase):
        raise InvalidAddress(AddressRule.NAME)
    if phrase.count('"') % 2 or phrase.count("(") != phrase.count(")"):
        raise InvalidAddress(AddressRule.NAME)
    return phrase
