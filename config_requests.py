"""How large requests to the API may be and how many, as settings."""

from typing import Annotated

from pydantic import Field

MaxBodyBytes = Annotated[
    int, Field(ge=10_000, le=200_000_000, description="Longest request body of the API, in bytes.")
]
MaxImportBytes = Annotated[
    int,
    Field(
        ge=10_000,
        le=10_000_000_000,
        description="Longest file that the API imports into the suppression list, in bytes.",
    ),
]
MaxRecipients = Annotated[int, Field(ge=1, le=50, description="Recipients of one email, to, cc and bcc together.")]
MaxBatch = Annotated[int, Field(ge=1, le=1000, description="Emails in one batch.")]
RequestsPerSecond = Annotated[
    int, Field(ge=1, le=100_000, description="Requests a second that one application may make.")
]
RequestsAtOnce = Annotated[
    int,
    Field(
        ge=1,
        le=1000,
        description="Requests of one application that one web process answers at the same time; it has 48 threads.",
    ),
]
