"""The mailboxes of a header field of a raw message, found by the rules for every mailbox (`mailboxes`).

It decides what encoded-words, groups and comments add to those rules (RFC 5322 sections 3.2.2 and 3.4). A word is
decoded once the mailboxes are told apart, so that no comma and no @ inside a word can make one more. A group or a
comment that could hide an address, or show one that is none, is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from app.domain.message.address import AddressRule, InvalidAddress, Mailbox
from app.domain.message.mailboxes import QUOTED, check_name, parse_mailboxes
from app.domain.message.raw.encoded_words import RUN, read_run

# Possessive: nothing is gone over again, whatever the text is.
_MARK: Final = re.compile(rf"{QUOTED}|<[^<>]*+>|\([^()]*+\)|(?P<mark>[,:;])")
_GROUP_NAME: Final = re.compile(r' *+(?:"[^"\\]{1,100}+"|[^"@<>()\[\]\\]{1,100}+) *+')
_AFTER_GROUP: Final = re.compile(r" *+(?:,|\Z)")
_ATOM: Final = r'[^\s<>()\[\]:;@\\,"]++'
_COMMENT: Final = r' *+\((?P<{}>[^()<>@"\\:;]*+)\) *+(?=,|\Z)'
_COMMENTED: Final = re.compile(
    rf"{QUOTED}"
    rf"|(?:\A|(?<=,)) *+(?P<address>{_ATOM}@{_ATOM}){_COMMENT.format('name')}"
    rf"|>{_COMMENT.format('aside')}"
)
_SPECIAL: Final = re.compile(r'[()<>@:;\\"]')
"""In an encoded-word these are encoded (RFC 2047 section 5): another reader may find quotes or an address there."""

# Stands for an encoded-word while mailboxes are told apart: it can be in a name, and in no address.
_STAND_IN: Final = "\u2985{}\u2986"
_ANY_STAND_IN: Final = re.compile(_STAND_IN.format("([0-9]{1,6})"))


def header_mailboxes(value: str, *, groups: bool = True) -> tuple[Mailbox, ...]:
    """The mailboxes of an address field, those of its groups too; none for an empty field or group.

    The comment behind an address is its name, as in `ann@example.com (Ann Lee)`. Raises `InvalidAddress`, for a group
    too where there may be no `groups`.
    """
    if not value:
        return ()
    if _ANY_STAND_IN.search(value):
        raise InvalidAddress(AddressRule.NAME)
    words: list[str] = []

    def stand_in(run: re.Match[str]) -> str:
        if _SPECIAL.search(run[0]):
            raise InvalidAddress(AddressRule.NAME)
        words.append(run[0])
        return _STAND_IN.format(len(words) - 1)

    text = RUN.sub(stand_in, value)
    lists = tuple(_lists(text))
    if lists != (text,) and not groups:
        raise InvalidAddress(AddressRule.NAME)
    found = (one for part in lists for one in parse_mailboxes(_COMMENTED.sub(_plainly, part)))
    return tuple(_with_words(one, words) for one in found)


def _lists(text: str) -> Iterator[str]:
    """The lists of mailboxes in groups and around them, but for empty ones; the text itself if it has no group."""
    marks = [one for one in _MARK.finditer(text) if one["mark"]]
    ends = "".join(one["mark"] for one in marks).replace(",", "")
    if not {":", ";"} <= set(ends):
        yield text
        return
    if ends.replace(":;", ""):
        raise InvalidAddress(AddressRule.NAME)
    start = entry = 0
    for mark in marks:
        if mark["mark"] == ":":
            if not _GROUP_NAME.fullmatch(text, entry, mark.start()):
                raise InvalidAddress(AddressRule.NAME)
            yield from _unless_empty(text[start:entry])
            start = mark.end()
        elif mark["mark"] == ";":
            yield from _unless_empty(text[start : mark.start()])
            after = _AFTER_GROUP.match(text, mark.end())
            if after is None:
                raise InvalidAddress(AddressRule.NAME)
            start = entry = after.end()
        else:
            entry = mark.end()
    yield from _unless_empty(text[start:])


def _unless_empty(mailboxes: str) -> Iterator[str]:
    if mailboxes.strip(" ,"):
        yield mailboxes


def _plainly(found: re.Match[str]) -> str:
    """A mailbox with a comment behind it as one without: the comment behind a bare address is its name."""
    if found["address"]:
        return f'"{found["name"]}" <{found["address"]}>'
    return found[0] if found["aside"] is None else ">"


def _with_words(mailbox: Mailbox, words: list[str]) -> Mailbox:
    if mailbox.name is None:
        return mailbox
    name = _ANY_STAND_IN.sub(lambda place: _text_of(words[int(place[1])]), mailbox.name).strip(" ")
    check_name(name)
    return replace(mailbox, name=name or None)


def _text_of(run: str) -> str:
    """The text of encoded-words; none of words in a charset that is not read here, which are no text to anyone."""
    text = read_run(run)
    return "" if text == run else text
