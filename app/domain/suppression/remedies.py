"""How to unsuppress an address: who may do it, and with which command or API call.

It decides wording only: which entries need force is decided in `app.domain.suppression.rules`, who may do what by the
services.
"""

from dataclasses import dataclass
from shlex import quote as shell_quote
from urllib.parse import quote

from app.domain.suppression.rules import EVERY_EMAIL, TERMS, Origin

_REASON = "'...'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """How to remove one cause of suppression: who may do it, with which command, and with which API call, if any."""

    by: str
    command: str | None = None
    call: str | None = None


def remedy_for_entry(email: str, *, scope: str, origin: str) -> Remedy:
    """How to unsuppress an entry of the list; `email` is the address, or `@domain` for the entry of a whole domain."""
    forced = TERMS[Origin(origin)].forced
    narrow = [] if scope == EVERY_EMAIL else ["--scope", scope]
    command = ["./postern", "unsuppress", email, *narrow, "--reason"]
    body = '{"reason": "...", "force": true}' if forced else '{"reason": "..."}'
    if email.startswith("@"):
        by = "an operator, or a key with the scope admin"
    else:
        whose = "any key" if scope == EVERY_EMAIL else f"a key of {scope.partition('/')[0]}"
        by = f"an operator, or {whose} with the scope suppressions:write"
    if origin == Origin.UNSUBSCRIBE:
        by = f"the person, on the page of the link; {by} where the person asks for it"
    return Remedy(
        by=by,
        command=f"{' '.join(map(shell_quote, command))} {_REASON}{' --force' if forced else ''}",
        call=f"DELETE /v1/suppressions/{quote(email, safe='@')}?scope={quote(scope, safe='*')} {body}",
    )


def remedy_at_ses(address: str) -> Remedy:
    """How to remove an address from SES's own list alone; an `unsuppress` of an entry of ours does that too."""
    return Remedy(
        by="a user who may change the SES account; an unsuppress does it too where the address is also on our list",
        command=f"aws sesv2 delete-suppressed-destination --email-address {shell_quote(address)}",
    )


def remedy_for_review(domain: str) -> Remedy:
    """How to unsuppress all entries of a domain that wait for a decision."""
    return Remedy(
        by="an operator, or a key with the scope admin, for all addresses of the domain together",
        command=f"./postern suppressions review undo {shell_quote(domain)} --reason {_REASON}",
        call=f'POST /v1/suppressions/reviews/{quote(domain)} {{"decision": "undo", "reason": "..."}}',
    )


AT_SES_GLOBALLY = Remedy(by="SES itself, which forgets the address within 14 days")
BY_A_DELIVERY = Remedy(by="itself: a delivery resets the count, and so do seven days")
