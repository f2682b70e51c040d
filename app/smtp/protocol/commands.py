"""Lines of a client as commands, with paths and parameters (RFC 5321 section 4.1). Pure; forgiving of form only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PATH: Final = re.compile(r" ?(?:<([^<>]*)>|([^<>\s]+))((?: +\S+)*) *")
_PARAMETER: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^=\s]+))?")
_LONGEST_PATH: Final = 512
_MOST_PARAMETERS: Final = 10


class BadPath(ValueError):
    """The text after `FROM:` or `TO:` is no path."""


class BadParameters(ValueError):
    """A parameter is malformed or comes twice."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its verb in upper case, and the rest of its line."""

    verb: str
    argument: str


@dataclass(frozen=True, slots=True)
class Path:
    """The address of MAIL or RCPT, as it was written between its brackets, and the parameters, names in upper case."""

    address: str
    parameters: Mapping[str, str]


def parse_command(line: bytes) -> Command:
    """The command of a line. Raises `UnicodeDecodeError` when it is not UTF-8, which RFC 6531 asks for."""
    verb, _, argument = line.decode().partition(" ")
    return Command(in_capitals(verb), argument.strip(" "))


def in_capitals(word: str) -> str:
    """A word in upper case, if it is ASCII: the upper case of a dotless i would make MAIL of a word that is none."""
    return word.upper() if word.isascii() else word


def parse_path(argument: str, keyword: str) -> Path:
    """What follows `FROM` in MAIL or `TO` in RCPT, the `keyword`. Raises `BadPath` and `BadParameters`.

    A space after the colon and a missing pair of brackets are common mistakes, and can mean one thing only.
    """
    given, colon, rest = argument.partition(":")
    found = _PATH.fullmatch(rest)
    if in_capitals(given) != keyword or not colon or found is None:
        raise BadPath
    address = found[1] if found[1] is not None else found[2]
    if len(address) > _LONGEST_PATH:
        raise BadPath
    return Path(address, _parameters(found[3].split()))


def _parameters(words: list[str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for word in words:
        found = _PARAMETER.fullmatch(word)
        if found is None or found[1].upper() in parameters or len(parameters) == _MOST_PARAMETERS:
            raise BadParameters
        parameters[found[1].upper()] = found[2] or ""
    return parameters
