"""Email addresses: which are valid, which two name the same person, and the form that SES gets.

The grammar is the dot-atom form of RFC 5321 and nothing else, so that the address that was checked against the
suppression list is the only one that any reader can see. It never guesses, folds dots or `+tags`, or asks the DNS;
`example.com` and `.test` are domains like any other.
"""

import re
import string
from dataclasses import dataclass
from functools import lru_cache

import idna

from app.domain.message.text_rules import Rule, TextRule, broken_text_rule, detail_of
from app.domain.message.unseen import first_unseen

ADDRESS_LIMIT = 254
"""Octets of a whole address: the path of RFC 5321 section 4.5.3.1.3 without its angle brackets."""

LOCAL_PART_LIMIT = 64
NAME_LIMIT = 256
_REMEMBERED = 1000

MAILBOX_SIMULATOR = "simulator.amazonses.com"

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class AddressRule(Rule):
    """What an address, or an address with a name, has to be."""

    EMPTY = "empty", "An address is needed."
    TOO_LONG = "too_long", f"An address has at most {ADDRESS_LIMIT} octets."
    WHITESPACE = "whitespace", "An address holds no spaces."
    ONE_AT_SIGN = "one_at_sign", "Give one address, with exactly one @."
    LOCAL_PART = "local_part", "The part before @ is letters, digits and !#$%&'*+/=?^_`{|}~- with single dots between."
    LOCAL_PART_NOT_ASCII = "local_part_not_ascii", "The part before @ is ASCII: SES does not take other letters there."
    LOCAL_PART_TOO_LONG = "local_part_too_long", f"The part before @ has at most {LOCAL_PART_LIMIT} octets."
    DOMAIN = "domain", "The domain is labels of at most 63 letters, digits and inner hyphens, with dots between."
    DOMAIN_LITERAL = "domain_literal", "Give a domain name, not an address literal in brackets."
    DOMAIN_TRAILING_DOT = "domain_trailing_dot", "The domain does not end with a dot."
    DOMAIN_NOT_IDNA = "domain_not_idna", "The domain has a label that IDNA 2008 does not allow."
    DOMAIN_WITHOUT_DOT = "domain_without_dot", "The domain has at least one dot: each host has its own localhost."
    DOMAIN_NUMERIC = "domain_numeric", "The last label of the domain is not a number."
    NAME = "name", 'Write the name plainly or in quotes, as in "Lee, Ann" <ann@example.com>: one name, one address.'
    ONE_MAILBOX = "one_mailbox", "Give one address here, not several."
    UNSEEN = "invisible_character", "An address holds no invisible or special characters."
    NAME_UNSEEN = "name_invisible_character", "A name holds no invisible characters that make it read differently."
    NAME_EMPTY = "name_empty", "Give a name before <, or the address alone."
    NAME_TOO_LONG = "name_too_long", f"A name has at most {NAME_LIMIT} characters."


class InvalidAddress(ValueError):
    """A text is not an address. `code` is the rule's stable word; the message is the rule, never the text.

    `detail` says more than the rule: which character, or which address of several.
    """

    def __init__(self, rule: Rule, detail: str | None = None) -> None:
        super().__init__(detail or rule.sentence)
        self.rule = rule
        self.code = rule.value


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox, under the three names that Postern needs.

    `email` is the addr-spec exactly as given. `key` names the person on the suppression list: all lower case, domain in
    A-labels. `envelope` is what SES and the headers get: the local part as given, domain in A-labels, pure ASCII.
    """

    email: str
    key: str
    envelope: str

    @property
    def domain(self) -> str:
        """The domain in A-labels, lower case."""
        return self.envelope.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address and the name shown with it, if any. No mailbox exists with a name that is unsafe in a header."""

    name: str | None
    address: Address

    def __post_init__(self) -> None:
        if self.name is None:
            return
        if not self.name.strip():
            raise InvalidAddress(AddressRule.NAME_EMPTY)
        if len(self.name) > NAME_LIMIT:
            raise InvalidAddress(AddressRule.NAME_TOO_LONG)
        if broken := broken_text_rule(self.name):
            raise InvalidAddress(broken)


@lru_cache(_REMEMBERED)
def parse_address(text: str) -> Address:
    """The one address that all of `text` is. Raises `InvalidAddress` with the first rule that it breaks.

    Recent results are cached: a sender is parsed for each email, and a recipient for the header and for the envelope.
    """
    try:
        return _parse(text)
    except InvalidAddress as broken:
        # What a reader does not see is the reason, whichever rule it breaks first.
        if len(text) <= ADDRESS_LIMIT and not isinstance(broken.rule, TextRule) and (unseen := first_unseen(text)):
            raise InvalidAddress(AddressRule.UNSEEN, f"{AddressRule.UNSEEN.sentence} Found {unseen}.") from None
        raise


def _parse(text: str) -> Address:
    if not text:
        raise InvalidAddress(AddressRule.EMPTY)
    if len(text) > ADDRESS_LIMIT:
        raise InvalidAddress(AddressRule.TOO_LONG)
    if broken := broken_text_rule(text):
        raise InvalidAddress(broken, detail_of(broken, text))
    if " " in text:
        raise InvalidAddress(AddressRule.WHITESPACE)
    if text.count("@") != 1:
        raise InvalidAddress(AddressRule.ONE_AT_SIGN)
    local_part, _, domain = text.partition("@")
    _check_local_part(local_part)
    host_name = _host_name(domain)
    envelope = f"{local_part}@{host_name}"
    if len(envelope) > ADDRESS_LIMIT:
        raise InvalidAddress(AddressRule.TOO_LONG)
    return Address(email=text, key=f"{local_part.lower()}@{host_name}", envelope=envelope)


def read_reported(text: str) -> Address | None:
    """The address that SES means by `text` in an event, or None when it cannot be one.

    SES reports addresses as remote servers spell them: with a name, with spaces around, with the root dot of the DNS.
    """
    candidate = text.strip()
    if candidate.endswith(">"):
        candidate = candidate[:-1].rpartition("<")[2].strip()
    try:
        return parse_address(candidate.removesuffix("."))
    except InvalidAddress:
        return None


def is_mailbox_simulator(address: Address) -> bool:
    """Whether `address` is one of the mailbox simulator of SES, which bounces and complains on demand.

    https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
    """
    return address.domain == MAILBOX_SIMULATOR


def _check_local_part(local_part: str) -> None:
    # Before any lower-casing: the Kelvin sign (U+212A) would become an ordinary "k" and share that person's key.
    if not local_part.isascii():
        raise InvalidAddress(AddressRule.LOCAL_PART_NOT_ASCII)
    if len(local_part) > LOCAL_PART_LIMIT:
        raise InvalidAddress(AddressRule.LOCAL_PART_TOO_LONG)
    if not _DOT_ATOM.fullmatch(local_part):
        raise InvalidAddress(AddressRule.LOCAL_PART)


def _host_name(domain: str) -> str:
    """`domain` in lower-case A-labels.

    Only ASCII letters are lower-cased. Other letters must be U-labels already: the mapping of UTS 46 stays off, since
    it maps characters that merely look alike (a Kelvin sign, a full-width dot) to another owner's domain.
    """
    if domain.startswith("["):
        raise InvalidAddress(AddressRule.DOMAIN_LITERAL)
    if domain.endswith("."):
        raise InvalidAddress(AddressRule.DOMAIN_TRAILING_DOT)
    host_name = domain.translate(_LOWER)
    if not host_name.isascii() or "xn--" in host_name:
        host_name = _a_labels(host_name)
    if not _HOST_NAME.fullmatch(host_name):
        raise InvalidAddress(AddressRule.DOMAIN)
    if "." not in host_name:
        raise InvalidAddress(AddressRule.DOMAIN_WITHOUT_DOT)
    if host_name.rpartition(".")[2].isdigit():
        raise InvalidAddress(AddressRule.DOMAIN_NUMERIC)
    return host_name


def _a_labels(domain: str) -> str:
    try:
        return idna.encode(domain, strict=True).decode("ascii")
    except ValueError as fault:  # IDNAError is one; idna raises the plain kind for characters newer than its tables
        raise InvalidAddress(AddressRule.DOMAIN_NOT_IDNA) from fault


def masked(address: str) -> str:
    """The address in a form that its owner recognises and that tells others little: `k•••@example.net`."""
    local_part, _, domain = address.rpartition("@")
    return f"{local_part[:1]}•••@{domain}"
