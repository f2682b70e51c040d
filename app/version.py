"""The version of Postern, by semantic versioning as PEP 440 writes it.

`.dev0` is what stands in the changelog under "Unreleased". A release takes it off, and dates that heading.
"""

from typing import Final

VERSION: Final = "0.2.0.dev0"
