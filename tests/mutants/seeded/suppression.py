"""Mutants of the unsubscribe page."""

from typing import Final

from tests.mutants.mutant import Mutant

_UNSUBSCRIBE = "tests/integration/suppression/test_unsubscribe.py"

OF_THE_LIST: Final = (
    Mutant(
        name="following an unsubscribe link unsubscribes",
        file="app/web/suppression/unsubscribe.py",
        edits=(
            (
                "    standing = current_gateway()",
                "    current_gateway().unsubscribe(token, Wish.UNSUBSCRIBE)\n    standing = current_gateway()",
            ),
        ),
        killed_by=f"{_UNSUBSCRIBE}::test_following_links_changes_nothing[sqlite]",
    ),
    Mutant(
        name="the signature of an unsubscribe link is not checked",
        file="app/domain/signed_links.py",
        edits=(("if genuine and is_one and", "if is_one and"),),
        killed_by="tests/unit/suppression/test_unsubscribe_link.py::test_a_token_with_any_bit_changed_is_none",
    ),
    Mutant(
        name="resubscribing removes every entry",
        file="app/services/suppression/unsubscribe.py",
        edits=(
            (" if one.origin == Origin.UNSUBSCRIBE]", "]"),
            ("if any(one.origin != Origin.UNSUBSCRIBE for one in unsuppressed):", "if not Origin.UNSUBSCRIBE:"),
        ),
        killed_by=f"{_UNSUBSCRIBE}::test_resubscribing_removes_nothing_else[sqlite-invites/news-manual]",
    ),
)
