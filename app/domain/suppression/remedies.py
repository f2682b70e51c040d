"""Who can take away what keeps mail from an address, and with which words.

It decides wording only: which entries need force is decided in `app.domain.suppression`, who may do what by the
services.
"""

from dataclasses import dataclass
from shlex import quote as shell_quote
from urllib.parse import quote

from app.domain.suppression import EVERY_MAIL, TERMS, Origin

_REASON = "'...'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """How it can be lifted: by whom, with which command, and with which call of the API, if there are any."""

    by: str
    command: str | None = None
    call: str | None = None


def lift_entry(email: str, *, scope: str, origin: str) -> Lift:
    """How an entry of the list is lifted; `email` is the address, or `@domain` for the entry of a whole domain."""
    forced = TERMS[Origin(origin)].forced
    narrow = [] if scope == EVERY_MAIL else ["--scope", scope]
    command = ["./postern", "unsuppress", email, *narrow, "--reason"]
    body = '{"reason": "...", "force": true}' if forced else '{"reason": "..."}'
    if email.startswith("@"):
        by = "an operator, or a key with the scope admin"
    else:
        whose = "any key" if scope == EVERY_MAIL else f"a key of {scope.partition('/')[0]}"
        by = f"an operator, or {whose} with the scope suppressions:write"
    if origin == Origin.UNSUBSCRIBE:
        by = f"the person, on the page of the link; {by} where the person asks for it"
    return Lift(
        by=by,
        command=f"{' '.join(map(shell_quote, command))} {_REASON}{' --force' if forced else ''}",
        call=f"DELETE /v1/suppressions/{quote(email, safe='@')}?scope={quote(scope, safe='*')} {body}",
    )


def lift_at_ses(address: str) -> Lift:
    """How an address is taken off SES's own list alone; an `unsuppress` of an entry of ours does it too."""
    return Lift(
        by="whoever may change the SES account; an unsuppress does it too where the address is on our list as well",
        command=f"aws sesv2 delete-suppressed-destination --email-address {shell_quote(address)}",
    )


def lift_review(domain: str) -> Lift:
    """How all entries of a domain that wait for a decision are lifted."""
    return Lift(
        by="an operator, or a key with the scope admin, for all addresses of the domain together",
        command=f"./postern suppressions review undo {shell_quote(domain)} --reason {_REASON}",
        call=f'POST /v1/suppressions/reviews/{quote(domain)} {{"decision": "undo", "reason": "..."}}',
    )


AT_SES_GLOBALLY = Lift(by="nobody: SES forgets it by itself, within 14 days")
BY_A_DELIVERY = Lift(by="nobody has to: a delivery resets the count, and so do seven days")
