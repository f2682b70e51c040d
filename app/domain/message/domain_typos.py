"""Recognise a mistyped domain of a large mail provider: a hint for the person at the form, never a refusal.

It looks for one typing error: a letter too many, one too few, a wrong one, or two in the wrong order. It knows
providers and endings and nothing of the DNS, and it suggests nothing for a domain that is on its own lists. A short
name proves little (`web.de` and `wed.de` are both real), so for a name of fewer than five letters only the ending is
corrected.
"""

from typing import Final

PROVIDERS: Final = (
    "gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "googlemail.com", "protonmail.com",
    "fastmail.com", "rocketmail.com", "comcast.net", "verizon.net", "sbcglobal.net", "laposte.net", "hotmail.co.uk",
    "yahoo.co.uk", "yahoo.co.in", "yahoo.co.jp", "yahoo.com.br", "btinternet.com", "outlook.de", "hotmail.de",
    "yahoo.de", "freenet.de", "t-online.de", "outlook.fr", "hotmail.fr", "yahoo.fr", "orange.fr", "wanadoo.fr",
    "hotmail.it", "yahoo.it", "libero.it", "hotmail.es", "yahoo.es", "yandex.ru", "rambler.ru", "bluewin.ch",
)  # fmt: skip
"""The providers that may be suggested, the larger first: of two that are equally near, the larger is suggested."""

NEIGHBOURS: Final = frozenset({"cloud.com", "email.com", "mail.com", "ymail.com"})
"""Real mail domains that are one letter away from a provider."""

# None of these is in the root zone. `.co`, `.cm` and `.om` are: there the name before the ending decides (`gmail.co`).
_ENDINGS: Final = {
    **dict.fromkeys(("cmo", "ocm", "con", "vom", "xom", "comm", "coom", "ccom", "cpm", "c0m"), "com"),
    **dict.fromkeys(("nett", "nte", "ent", "nwt"), "net"),
    **dict.fromkeys(("ogr", "orgg", "rog", "prg", "otg"), "org"),
}
_LONG_ENOUGH: Final = 5
_LOOSE_ENDINGS: Final = frozenset({"com", "net"})


def meant(domain: str) -> str | None:
    """The domain that was probably meant by `domain` (lower-case A-labels); None when `domain` looks right."""
    name, _, ending = domain.rpartition(".")
    mended = f"{name}.{_ENDINGS.get(ending, ending)}"
    probable = next((provider for provider in PROVIDERS if _slipped(mended, provider)), mended)
    if mended in NEIGHBOURS or mended in PROVIDERS:
        probable = mended
    return probable if probable != domain else None


def _slipped(domain: str, provider: str) -> bool:
    """Whether `domain` is one typing error away from this provider; a national ending has to be right."""
    ending = domain.partition(".")[2]
    provider_name, _, provider_ending = provider.partition(".")
    if ending != provider_ending and provider_ending not in _LOOSE_ENDINGS:
        return False
    return len(provider_name) >= _LONG_ENOUGH and one_edit_apart(domain, provider) and "." in domain


def one_edit_apart(one: str, other: str) -> bool:
    """Whether one insertion, deletion, replacement or swap of neighbours makes `other` of `one`."""
    if len(one) > len(other):
        one, other = other, one
    start = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))
    rest, longer = one[start:], other[start:]
    if len(one) < len(other):
        return len(other) - len(one) == 1 and rest == longer[1:]
    swapped = rest[:2] == longer[1::-1] and rest[2:] == longer[2:]
    return bool(rest) and (rest[1:] == longer[1:] or swapped)
