"""The mutants around the suppression list and what people do with it."""

from typing import Final

from tests.mutants.mutant import Mutant

_UNSUBSCRIBE = "tests/integration/test_unsubscribe.py"

OF_THE_LIST: Final = (
    Mutant(
        name="following an unsubscribe link unsubscribes",
        file="app/web/unsubscribe.py",
        edits=(
            (
                "    standing = current_gateway()",
                "    current_gateway().unsubscribe(token, Wish.UNSUBSCRIBE)\n    standing = current_gateway()",
            ),
        ),
        killed_by=f"{_UNSUBSCRIBE}::test_following_links_changes_nothing[sqlite]",
    ),
    Mutant(
        name="the signature of an unsubscribe link is not looked at",
        file="app/domain/unsubscribe.py",
        edits=(("if genuine and is_one and", "if is_one and"),),
        killed_by="tests/unit/test_unsubscribe.py::test_a_token_with_any_bit_changed_is_none",
    ),
    Mutant(
        name="whoever comes back is let in, whatever kept them out",
        file="app/services/unsubscribe.py",
        edits=(
            (" if one.origin == Origin.UNSUBSCRIBE]", "]"),
            ("if any(one.origin != Origin.UNSUBSCRIBE for one in lifted):", "if not Origin.UNSUBSCRIBE:"),
        ),
        killed_by=f"{_UNSUBSCRIBE}::test_the_way_back_lifts_nothing_else[sqlite-invites/news-manual]",
    ),
)
