"""Email addresses as SES reads them, bare or `Display Name <address>`, refused with SES's error texts."""

import re

MAILBOX_SIMULATOR_DOMAIN = "simulator.amazonses.com"

_ADDRESS = re.compile(
    r"[^\s@\x00-\x1f\x7f()<>\[\],;:\\\"]+@(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]+"
)
_BLANK_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f]")


def bare_address(given: str) -> str:
    """Return the address without its display name."""
    if given.endswith(">"):
        return given.rpartition("<")[2][:-1]
    return given


def fault_of(given: str) -> str | None:
    """Return why SES would refuse the address, or None when it is well formed.

    SES takes no SMTPUTF8: the local part must be ASCII, the domain Punycode.
    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html
    """
    address = bare_address(given)
    if address.isascii() and _ADDRESS.fullmatch(address) and len(address) <= 320:
        return None
    local, at, domain = address.rpartition("@")
    rules = (
        (not at, "Missing final '@domain'"),
        (not local, f"User name is missing: '@{domain}'"),
        (not local.isascii(), "Local address contains non-ASCII characters"),
        (_BLANK_OR_CONTROL.search(local), "Local address contains control or whitespace"),
        (_BLANK_OR_CONTROL.search(domain), "Domain contains control or whitespace"),
        (not domain.isascii(), "Domain contains illegal character"),
    )
    return next((words for broken, words in rules if broken), "Illegal address")


def domain_of(given: str) -> str:
    """Return the domain, lower-cased."""
    return bare_address(given).rpartition("@")[2].lower()


def is_mailbox_simulator(address: str) -> bool:
    """Return whether this address belongs to SES's mailbox simulator.

    https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
    """
    return address.lower().endswith("@" + MAILBOX_SIMULATOR_DOMAIN)
