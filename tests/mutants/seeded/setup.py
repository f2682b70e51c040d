"""Mutants of the set-up of an account: faults that would harm what is there, and the tests that have to find them."""

from typing import Final

from tests.mutants.mutant import Mutant

_PLAN: Final = "tests/unit/account/setup/test_plan.py"
_SETUP: Final = "tests/integration/account/setup/test_setup.py"

OF_SETUP: Final = (
    Mutant(
        name="a set-up changes what another made",
        file="app/domain/account/setup/plan.py",
        edits=(
            (
                "if found.owner != deployment and not adopts:",
                "if found.owner not in {deployment, None} and not adopts:",
            ),
        ),
        killed_by=f"{_PLAN}::test_a_plan_never_touches_what_it_does_not_own",
    ),
    Mutant(
        name="a set-up removes what another made",
        file="app/domain/account/setup/plan.py",
        edits=(("        and found[one.key].owner == deployment\n", ""),),
        killed_by=f"{_PLAN}::test_only_what_is_there_and_ours_is_removed_and_the_last_made_goes_first",
    ),
    Mutant(
        name="the old subscription goes before the new one is confirmed",
        file="app/domain/account/setup/plan.py",
        edits=(("        work = [one for one in work if one not in kept]\n", ""),),
        killed_by=f"{_SETUP}::test_the_old_subscription_stays_until_the_new_one_is_confirmed",
    ),
    Mutant(
        name="the tags forget what is still to be removed",
        file="app/domain/account/setup/plan.py",
        edits=(("    return tuple(sorted(changes, key=_is_of_the_set))\n", "    return tuple(changes)\n"),),
        killed_by=f"{_SETUP}::test_a_change_of_mind_that_was_stopped_still_removes_what_it_replaces",
    ),
    Mutant(
        name="another domain replaces those that are there",
        file="app/domain/account/setup/choices.py",
        edits=(("[*existing.domains, *choices.domains]", "choices.domains or existing.domains"),),
        killed_by=f"{_SETUP}::test_another_domain_leaves_those_that_are_there",
    ),
)
