"""What a mutant is: a fault, the file that gets it, and the test that has to notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One fault: `edits` are pairs of a text that stands in `file` exactly once and what is put in its place."""

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    killed_by: str
