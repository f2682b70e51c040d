"""The DNS records of an SES identity, as the DNS has them: what the receivers of email see. It decides what is right.

https://docs.aws.amazon.com/ses/latest/dg/mail-from.html and send-email-authentication-dkim-easy.html there.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from app.domain.account.findings import Finding, Group, judged, unknown, warning, well, wrong

_DKIM_ZONE: Final = re.compile(r"dkim(\.[a-z0-9-]+)?\.amazonses\.com(\.cn)?")
_EXCHANGER: Final = re.compile(r"feedback-smtp\.[a-z0-9-]+\.amazonses\.com(\.cn)?")
_INCLUDES_SES: Final = re.compile(r"(^| )\+?include:amazonses\.com( |$)", re.IGNORECASE)
_MOST_LABELS: Final = 8


class DnsSilent(Exception):
    """The DNS gave no answer, or one that is no answer to the question."""


class Records(Protocol):
    """The DNS. Each call raises `DnsSilent` when it cannot tell; without such a record it returns nothing."""

    def cname(self, name: str) -> tuple[str, ...]:
        """The targets of the CNAME, lower-cased, without the last dot."""
        ...

    def mx(self, name: str) -> tuple[str, ...]:
        """The mail exchangers, lower-cased, without preference and last dot."""
        ...

    def txt(self, name: str) -> tuple[str, ...]:
        """The texts, each with its strings joined."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An identity of SES, and what its records follow from. `dkim_tokens` are those of Easy DKIM."""

    name: str
    verified: bool
    dkim_tokens: tuple[str, ...] = ()
    dkim_zone: str | None = None
    mail_from: str | None = None


def published(found: Identity, records: Records, *, region: str) -> Iterator[Finding]:
    """DKIM, MAIL FROM and DMARC of one identity. Records that could not be asked for are `unknown`."""
    domain = found.name.rpartition("@")[2]
    looks: list[tuple[str, Callable[[], Finding]]] = []
    if found.dkim_tokens:
        looks.append(("DKIM", lambda: _dkim(found, domain, records)))
    if found.mail_from is not None:
        own = found.mail_from
        looks.append(("MX", lambda: _mx(own, records, region)))
        looks.append(("SPF", lambda: _spf(own, records)))
    looks.append(("DMARC", lambda: _dmarc(domain, records)))
    for kind, look in looks:
        try:
            yield look()
        except DnsSilent as silent:
            name = f"{kind} by DNS, {domain}"
            yield unknown(Group.IDENTITY, name, f"no answer ({silent})", "check the resolver, or name one: --resolver")


def _dkim(found: Identity, domain: str, records: Records) -> Finding:
    name = f"DKIM by DNS, {domain}"
    missing = [
        token for token in found.dkim_tokens if not leads_to(token, records.cname(f"{token}._domainkey.{domain}"))
    ]
    if not missing:
        return well(Group.IDENTITY, name, f"{len(found.dkim_tokens)} records")
    zone = found.dkim_zone or "dkim.amazonses.com"
    lines = "; ".join(f"{token}._domainkey.{domain} CNAME {token}.{zone}" for token in missing)
    return wrong(Group.IDENTITY, name, f"{len(missing)} of {len(found.dkim_tokens)} are missing", f"publish {lines}")


def leads_to(token: str, targets: tuple[str, ...]) -> bool:
    """Whether a CNAME with these targets leads to SES's key of this token."""
    return any(
        target.partition(".")[0] == token.lower() and _DKIM_ZONE.fullmatch(target.partition(".")[2])
        for target in targets
    )


def _mx(mail_from: str, records: Records, region: str) -> Finding:
    exchangers = records.mx(mail_from)
    found = ", ".join(exchangers) or "missing"
    ok = takes_bounces(exchangers)
    fix = f"publish {mail_from} MX 10 feedback-smtp.{region}.amazonses.com, and no other MX"
    return judged(Group.IDENTITY, f"MX by DNS, {mail_from}", ok=ok, found="published" if ok else found, fix=fix)


def takes_bounces(exchangers: tuple[str, ...]) -> bool:
    """Whether these mail exchangers are SES's: it requires that its own is the only one."""
    return len(exchangers) == 1 and _EXCHANGER.fullmatch(exchangers[0]) is not None


def _spf(mail_from: str, records: Records) -> Finding:
    name = f"SPF by DNS, {mail_from}"
    policies = _spf_policies(records.txt(mail_from))
    fix = f'publish {mail_from} TXT "v=spf1 include:amazonses.com ~all"'
    if len(policies) > 1:
        # RFC 7208 section 4.5: more than one is an error, and none counts.
        return wrong(Group.IDENTITY, name, f"{len(policies)} records, so none counts", "leave one of them")
    if not policies:
        return wrong(Group.IDENTITY, name, "missing", fix)
    includes = names_ses(policies)
    return judged(Group.IDENTITY, name, ok=includes, found="published" if includes else "does not name SES", fix=fix)


def names_ses(texts: tuple[str, ...]) -> bool:
    """Whether these texts have one SPF policy, and that lets SES send."""
    policies = _spf_policies(texts)
    return len(policies) == 1 and _INCLUDES_SES.search(policies[0]) is not None


def _spf_policies(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text for text in texts if text.lower().split(" ")[0] == "v=spf1")


def _dmarc(domain: str, records: Records) -> Finding:
    name = f"DMARC by DNS, {domain}"
    policies = dmarc_policies(domain, records)
    if len(policies) == 1:
        return well(Group.IDENTITY, name, f"p={_policy_of(policies[0])}")
    if policies:
        return warning(Group.IDENTITY, name, f"{len(policies)} records, so none counts", "leave one of them")
    fix = f'publish _dmarc.{domain} TXT "v=DMARC1; p=none": Gmail and Yahoo ask for it from large senders'
    return warning(Group.IDENTITY, name, "missing", fix)


def dmarc_policies(domain: str, records: Records) -> tuple[str, ...]:
    """The DMARC policies of the domain, or of the nearest domain above it that has any. More than one counts as none.

    Raises `DnsSilent`.
    """
    labels = domain.split(".")[-_MOST_LABELS:]
    for first in range(len(labels) - 1):
        texts = records.txt(f"_dmarc.{'.'.join(labels[first:])}")
        policies = tuple(text for text in texts if re.match(r"v=DMARC1\s*(;|$)", text))
        if policies:
            return policies
    return ()


def _policy_of(record: str) -> str:
    tags = dict(tag.strip().lower().partition("=")[::2] for tag in record.split(";"))
    return tags.get("p", "").strip() or "none"
