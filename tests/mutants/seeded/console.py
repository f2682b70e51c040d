"""Faults of the console: who sees what, and whose form it was."""

from typing import Final

from tests.mutants.mutant import Mutant

_FRAME: Final = "tests/integration/console/test_frame.py"
_ACCESS: Final = "app/web/console/frame/access.py"

OF_THE_CONSOLE: Final = (
    Mutant(
        name="a page opens to every role",
        file=_ACCESS,
        edits=(("    if not session.user.role.includes(role):", "    if not session.user.role:"),),
        killed_by=f"{_FRAME}::test_every_page_opens_to_its_role_and_those_above[sqlite]",
    ),
    Mutant(
        name="a form needs no secret of its session",
        file=_ACCESS,
        edits=(("        _require_secret()\n", ""),),
        killed_by=f"{_FRAME}::test_a_change_needs_the_form_of_its_session[sqlite]",
    ),
    Mutant(
        name="a form of another site is taken",
        file=_ACCESS,
        edits=(("        require_same_site()\n", ""),),
        killed_by=f"{_FRAME}::test_a_change_needs_the_form_of_its_session[sqlite]",
    ),
    Mutant(
        name="a viewer sees addresses on pages",
        file="app/web/console/frame/masks.py",
        edits=(("includes(Role.SUPPORT)", "includes(Role.VIEWER)"),),
        killed_by="tests/integration/console/test_reachable.py::test_a_viewer_sees_no_address_and_nothing_hostile_runs",
    ),
    Mutant(
        name="the search leads to a URL with the address",
        file="app/web/console/submission/find.py",
        edits=(("current_gateway().address_tokens.write(target.email)", "target.email"),),
        killed_by=f"{_FRAME}::test_what_the_search_finds_has_no_address_in_its_url[sqlite]",
    ),
)
