"""A mutant: a fault, the file that gets it, and the test that has to find it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One fault: `edits` are pairs of a text that is in `file` exactly once and its replacement.

    A fault that two files prevent needs edits in both: those of other files are `elsewhere`.
    """

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    elsewhere: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    killed_by: str
