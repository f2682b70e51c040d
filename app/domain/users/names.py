"""The names and passwords that a user of the console may have."""

import re
from typing import Final

from app.domain.errors import Fault, ValidationFailed

LONGEST_NAME: Final = 64
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256

_NAME: Final = re.compile(rf"[a-z0-9._\-@+]{{1,{LONGEST_NAME}}}")


def normalised(text: str) -> str:
    """A name as it is compared: without white space around it, in lower case."""
    return text.strip().lower()


def is_name(text: str) -> bool:
    """Whether a normalised name is one that a user may have. An email address may be one."""
    return _NAME.fullmatch(text) is not None


def parse_name(text: str) -> str:
    """The name, normalised. Raises `ValidationFailed`."""
    name = normalised(text)
    if not is_name(name):
        rule = f"The name of a user is 1 to {LONGEST_NAME} of a-z, 0-9 and . _ - @ +"
        raise ValidationFailed(rule, faults=(Fault("/name", "grammar", rule),))
    return name


def check_password(password: str, *, name: str) -> None:
    """Raise `ValidationFailed` unless this user may have the password: its length counts, not its characters.

    The lengths follow NIST SP 800-63B section 3.1.1.2, which advises against rules about kinds of characters.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        rule = f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
        raise ValidationFailed(rule, faults=(Fault("/password", "length", rule),))
    if normalised(password) == name:
        rule = "The name of the user is no password."
        raise ValidationFailed(rule, faults=(Fault("/password", "is_name", rule),))
