"""How long workers hold email and how often they try, as settings."""

from typing import Annotated

from pydantic import Field

MaxAttempts = Annotated[
    int, Field(ge=1, le=100, description="Failed tries of one recipient, for a cause of its own, before it is `held`.")
]
LeaseSeconds = Annotated[
    int,
    Field(
        ge=5,
        le=3600,
        description="How long a worker may hold a claimed email. Below 35, a slow answer of SES can outlast the lease.",
    ),
]
WorkerSilenceSeconds = Annotated[
    int,
    Field(
        ge=5,
        le=3600,
        description="A worker that receives nothing for this long, though the broker takes messages, is restarted.",
    ),
]
UnconfirmedQuietSeconds = Annotated[
    int,
    Field(
        ge=1, le=86_400, description="How long an unconfirmed email must stay without an event before it may be resent."
    ),
]
