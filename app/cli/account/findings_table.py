"""Findings on a terminal: a line or two for each group that is well, and each finding that is not, with its fix.

All well, a gateway takes one screen of 80 columns. `--json` has every check by itself.
"""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

from rich.markup import escape

from app.cli.shell.terminal import Terminal, harmless
from app.domain.account.findings import Finding, Group, Status, overall

_COLUMNS: Final = 79
_MARKS: Final = {
    Status.WELL: "ok",
    Status.WARNING: "warn",
    Status.WRONG: "WRONG",
    Status.UNKNOWN: "?",
    Status.SKIPPED: "skip",
}
_INDENT: Final = 20
_ENDS: Final = {
    True: "All is well.",
    False: "Something must be fixed.",
    None: "Something could not be looked at.",
}


def show(found: Sequence[Finding], terminal: Terminal) -> None:
    """Print them, group by group in the order of `Group`, and one line that sums them up."""
    for group in Group:
        of_group = [one for one in found if one.group is group]
        for line in _lines(group, of_group):
            terminal.say(escape(line))
    warnings = sum(one.status is Status.WARNING for one in found)
    more = f" {warnings} could be better." if warnings else ""
    terminal.say(f"\n{_ENDS[overall(found)]}{more}")


def _lines(group: Group, found: Sequence[Finding]) -> Iterable[str]:
    """The lines of a group. What could not be looked at for one and the same reason shares a line."""
    name = group.value
    well = [one for one in found if one.status is Status.WELL]
    if well:
        yield from _wrapped(name, Status.WELL, _together(group, well))
        name = ""
    for status in (Status.SKIPPED, Status.WARNING, Status.WRONG, Status.UNKNOWN):
        alike: dict[tuple[str, str], list[str]] = {}
        for one in found:
            if one.status is status:
                alike.setdefault((one.found, one.fix), []).append(one.name)
        for (what, fix), names in alike.items():
            yield from _wrapped(name, status, f"{', '.join(names)}: {what}")
            name = ""
            if fix:
                yield from _wrapped("", None, f"-> {fix}")


def _together(group: Group, well: Sequence[Finding]) -> str:
    if group is Group.PERMISSIONS:
        return f"{len(well)} kinds of calls are allowed"
    return "; ".join(f"{one.name} {one.found}" if one.found else one.name for one in well)


def _wrapped(name: str, status: Status | None, text: str) -> Iterable[str]:
    first = f"{name:<12}{_MARKS[status] if status else '':<8}"
    width = _COLUMNS
    return textwrap.wrap(
        " ".join(harmless(text).split()),
        width=width,
        initial_indent=first,
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
