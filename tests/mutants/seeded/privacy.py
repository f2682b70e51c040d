"""Mutants of privacy: faults in check, explain and forget, and the tests that have to find them."""

from typing import Final

from tests.mutants.mutant import Mutant

_FORGET: Final = "tests/integration/privacy/test_forget.py"
_LATE: Final = "tests/integration/privacy/test_forget_late.py"

OF_PEOPLE: Final = (
    Mutant(
        name="check ignores entries for whole domains",
        file="app/services/suppression/gate.py",
        edits=(('return key, key[key.index("@") :], self', "return key, key, self"),),
        killed_by="tests/integration/submission/test_web_check.py::test_a_suppressed_domain_has_a_reason_of_its_own[sqlite]",
    ),
    Mutant(
        name="the claim ignores entries of forgotten addresses",
        file="app/store/suppression/gate_sql.py",
        edits=(("[at_domain(key), pseudonym]", "[at_domain(key)]"),),
        killed_by=f"{_FORGET}::test_new_email_to_a_forgotten_person_is_refused[sqlite-cold]",
    ),
    Mutant(
        name="explain shows another application's email",
        file="app/services/suppression/explanation/address_layers.py",
        edits=(("email_id=email if email in facts.emails else None,", "email_id=email,"),),
        killed_by="tests/integration/suppression/explanation/test_explain.py::test_an_application_learns_of_its_own_email_alone[sqlite]",
    ),
    Mutant(
        name="forget leaves the raw notification",
        file="app/store/privacy/erasure.py",
        edits=(('blanked.values(raw="", note=_ERASED', "blanked.values(note=_ERASED"),),
        killed_by=f"{_FORGET}::test_the_address_of_a_forgotten_person_is_nowhere[sqlite]",
    ),
    Mutant(
        name="forget unsuppresses the address",
        file="app/store/privacy/erasure.py",
        edits=(("    listed = _rename_suppressions(connection, person)\n", "    listed = 0\n"),),
        killed_by=f"{_FORGET}::test_suppressions_stay_in_the_same_scopes[sqlite]",
    ),
    Mutant(
        name="forget cancels an email that an earlier call may have sent",
        file="app/services/privacy/forget.py",
        edits=(("TransitionFacts(attempt_open=row.id in open_attempts,", "TransitionFacts(attempt_open=False,"),),
        killed_by=f"{_LATE}::test_no_one_is_forgotten_while_an_earlier_call_may_have_sent[sqlite]",
    ),
    Mutant(
        name="a person is forgotten only while the page is open",
        file="app/web/console/suppression/address.py",
        edits=(("        run(steps)\n", ""),),
        killed_by="tests/integration/console/suppression/test_address.py::"
        "test_a_person_is_forgotten_though_the_browser_leaves[sqlite]",
    ),
    Mutant(
        name="a failure of one kind of retention undoes the others",
        file="app/services/operating/retention.py",
        edits=(("                failures.append(error)\n", "                raise\n"),),
        killed_by="tests/integration/operating/test_retention.py::test_a_kind_that_cannot_be_erased_delays_no_other"
        "[sqlite-emails.erase_bodies]",
    ),
    Mutant(
        name="a late event brings the address back",
        file="app/services/privacy/anonymise.py",
        edits=(("if recipient is not None and is_pseudonym(recipient.key):", "if recipient is not None and False:"),),
        killed_by=f"{_LATE}::test_a_late_event_does_not_bring_the_address_back[sqlite-True]",
    ),
)
