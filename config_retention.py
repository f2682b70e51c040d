"""How long emails are kept, as a setting: its rule and its description."""

from typing import Annotated

from pydantic import AfterValidator, Field

SHORTEST_DAYS = 60
"""Links to unsubscribe work as long as their email is kept. CAN-SPAM requires 30 days (16 CFR 316.5)."""


def _long_enough(days: int) -> int:
    if 0 < days < SHORTEST_DAYS:
        raise ValueError(f"give at least {SHORTEST_DAYS}, or 0 to keep all emails")
    return days


EmailRetentionDays = Annotated[
    int,
    Field(
        ge=0,
        description="Emails are deleted this long after they were accepted, with their recipients and events; what the "
        f"suppression list needs stays. At least {SHORTEST_DAYS}, for the links to unsubscribe in them; 0 keeps all.",
    ),
    AfterValidator(_long_enough),
]
