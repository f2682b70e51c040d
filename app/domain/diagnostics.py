"""What the answer of a receiving server means: its enhanced status code, and failing that its words.

One status and one text come in, one `Meaning` goes out, or none. Whether an address is blamed for it is decided by
`app.domain.bounces`. Codes: https://www.iana.org/assignments/smtp-enhanced-status-codes and RFC 3463; texts: what the
large providers and mail servers say, each of them an example in `tests/corpus/diagnostics.json`.
"""

import re
from enum import StrEnum
from typing import Final


class Meaning(StrEnum):
    """What a server gives as its reason."""

    GONE = "gone"
    FULL = "full"
    REFUSES_US = "refuses_us"
    MESSAGE = "message"
    TROUBLE = "trouble"


# Detail codes whose meaning is exact; of the others the subject, the middle number, tells.
_BY_STATUS: Final = {
    "1.7": Meaning.REFUSES_US,
    "1.8": Meaning.REFUSES_US,
    "2.1": Meaning.GONE,
    "2.2": Meaning.FULL,
    "2.3": Meaning.MESSAGE,
    "3.4": Meaning.MESSAGE,
}
_BY_SUBJECT: Final = {
    "1": Meaning.GONE,
    "3": Meaning.TROUBLE,
    "4": Meaning.TROUBLE,
    "6": Meaning.MESSAGE,
    "7": Meaning.REFUSES_US,
}
_SAYS_NOTHING: Final = frozenset({"0.0", "1.0", "2.0", "3.0", "4.0", "5.0"})
_OFTEN_WRONG: Final = frozenset({Meaning.GONE, Meaning.REFUSES_US})
# Exchange Online says so when it will not relay, and of addresses that its directory does not know yet.
_ACCESS_DENIED: Final = "5.4.1"

_STATUS: Final = re.compile(r"[245]\.(\d{1,3})\.(\d{1,3})")
_STATUS_IN_TEXT: Final = re.compile(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])")


def _any_of(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


_SENDER: Final = _any_of(r"sender (?:address )?(?:rejected|denied|verif)", r"domain of sender")
_NO_SUCH_USER: Final = _any_of(
    r"(?:user|recipient|mailbox|address|account) (?:is |was )?(?:unknown|not found|invalid)",
    r"(?:unknown|invalid|no such) (?:user|recipient|mailbox|account|address)",
    r"(?:user|account|recipient|mailbox|address)(?: \S{1,80}| that you tried to reach)? does(?: not|n't) exist",
    r"(?:account|mailbox|user)(?: that you tried to reach)? (?:is |has been )?"
    r"(?:disabled|inactive|suspended|closed|deactivated|deleted)",
)
_OVER_QUOTA: Final = _any_of(
    r"(?:mailbox|inbox)(?: \S{1,80})? (?:is )?(?:full|out of storage)",
    r"over (?:its |the )?quota",
    r"quota (?:is |has been |was )?exceeded",
    r"exceed\w* (?:its |the |their )?(?:\w+ )?(?:quota|storage)",
    r"(?:insufficient|not enough) (?:\w+ )?(?:storage|disk|space)",
)
_TOO_MUCH: Final = _any_of(r"message (?:size|is too|too) (?:exceed|large|big|long)", r"message exceeds")
_POLICY: Final = _any_of(
    r"spam|barracuda|unsolicited|virus|phish",
    r"(?:black|block|deny).?list|dnsbl|\bblock(?:ed|ing)\b|banned",
    r"reputation|\b(?:dmarc|spf|dkim)\b|polic(?:y|ies)",
    r"relay(?:ing)? (?:access )?denied|unable to relay|not (?:authorized|allowed|permitted)",
    r"unauthenticated|authentication required|reverse dns|\bptr\b",
)
_FAILING: Final = _any_of(
    r"timed? ?out|message expired|retry time not reached|try again",
    r"connection (?:refused|reset|lost|closed)|could not connect|no route to host|unreachable",
    r"(?:host|domain)(?: name)? not found|dns (?:error|failure|lookup)",
    r"loops back|hop count",
    r"(?:local|internal|server|system|configuration) error",
)


def meaning_of(status: str | None, text: str | None) -> Meaning | None:
    """What a server's answer means; None when it says nothing that is known here.

    A status of its own counts before one in the text, and either before the words. But clear words outweigh a code that
    blames the address or us: servers give 5.1.1 to a client on a blocklist, and 5.7.1 to an unknown user.
    """
    said = text or ""
    code = _by_code(status)
    if code is None and (found := _STATUS_IN_TEXT.search(said)):
        code = _by_code(found[0])
    words = _by_words(said)
    if code is None or (code in _OFTEN_WRONG and words in {*_OFTEN_WRONG, Meaning.FULL}):
        return words
    return code


def _by_code(status: str | None) -> Meaning | None:
    found = _STATUS.fullmatch(status or "")
    if found is None:
        return None
    if status == _ACCESS_DENIED:
        return Meaning.REFUSES_US
    subject, detail = found.groups()
    code = f"{subject}.{detail}"
    return _BY_STATUS.get(code) or (None if code in _SAYS_NOTHING else _BY_SUBJECT.get(subject))


def _by_words(said: str) -> Meaning | None:
    for words, meaning in (
        (_SENDER, Meaning.REFUSES_US),
        (_NO_SUCH_USER, Meaning.GONE),
        (_OVER_QUOTA, Meaning.FULL),
        (_TOO_MUCH, Meaning.MESSAGE),
        (_POLICY, Meaning.REFUSES_US),
        (_FAILING, Meaning.TROUBLE),
    ):
        if words.search(said):
            return meaning
    return None
