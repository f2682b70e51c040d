"""The mailbox providers behind well-known domains, and where a sender asks them to be let in again.

Incidents are grouped by provider: a refusal by one of them is one problem, however many domains it serves. The domains
of companies that a provider hosts are not known here, so each of them is a group of its own.
"""

from typing import Final

REFUSED: Final = "refused_for_policy"
"""The kind of incident of a server that refuses us."""

OTHER: Final = "other"
"""The provider of all domains that are not in `DOMAINS`."""

SIMULATOR: Final = "ses_simulator"
"""SES's mailbox simulator, whose bounces and complaints AWS does not hold against a sender."""

_BETWEEN: Final = ": "

DOMAINS: Final = {
    "apple": ("icloud.com", "me.com", "mac.com"),
    "comcast": ("comcast.net",),
    "gmail": ("gmail.com", "googlemail.com"),
    "gmx/web.de": ("gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.com", "web.de"),
    "mail.ru": ("mail.ru", "inbox.ru", "bk.ru", "list.ru"),
    "microsoft": (
        *("outlook.com", "hotmail.com", "live.com", "msn.com", "outlook.de", "hotmail.de", "live.de", "outlook.fr"),
        *("hotmail.fr", "live.fr", "hotmail.co.uk", "live.co.uk", "hotmail.it", "hotmail.es", "live.nl", "outlook.es"),
    ),
    "orange": ("orange.fr", "wanadoo.fr"),
    "tencent": ("qq.com", "foxmail.com"),
    "netease": ("163.com", "126.com", "yeah.net"),
    "t-online": ("t-online.de", "magenta.de"),
    SIMULATOR: ("simulator.amazonses.com",),
    "yahoo": (
        *("yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "yahoo.de", "yahoo.fr", "yahoo.co.uk", "yahoo.it"),
        *("yahoo.es", "yahoo.ca", "yahoo.com.br", "yahoo.co.in", "yahoo.in", "aol.de", "aol.co.uk"),
    ),
}
"""The domains of each provider."""

PROVIDERS: Final = (*sorted(DOMAINS), OTHER)
"""What `provider_of` answers."""

_PROVIDER_OF: Final = {domain: provider for provider, domains in DOMAINS.items() for domain in domains}
_DESKS: Final = {
    "apple": "https://support.apple.com/102322",
    "comcast": "https://spa.xfinity.com/report",
    "gmail": "https://support.google.com/mail/contact/gmail_bulk_sender_escalation",
    "gmx/web.de": "https://postmaster.gmx.net",
    "mail.ru": "https://postmaster.mail.ru",
    "microsoft": "https://sendersupport.olc.protection.outlook.com/pm/",
    "orange": "https://postmaster.orange.fr",
    "t-online": "https://postmaster.t-online.de",
    "yahoo": "https://senders.yahooinc.com/contact",
}


def group_of(domain: str) -> str:
    """The provider behind a domain, or the domain itself where no provider is known."""
    return _PROVIDER_OF.get(domain, domain)


def provider_of(domain: str) -> str:
    """The provider behind a domain, or `other`: so that counts by provider have few rows."""
    return _PROVIDER_OF.get(domain, OTHER)


def subject_of(group: str, rule: str | None) -> str:
    """The subject of the incident for refusals of a group that one rule reads."""
    return f"{group}{_BETWEEN}{rule}" if rule else group


def group_in(subject: str) -> str:
    """The group that the subject of an incident names."""
    return subject.partition(_BETWEEN)[0]


def desk_of(group: str) -> str | None:
    """The page on which a sender turns to a provider; None where none is known."""
    return _DESKS.get(group)


def domains_of(group: str) -> tuple[str, ...]:
    """The domains of a group."""
    return DOMAINS.get(group, (group,))
