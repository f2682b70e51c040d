"""Mutants of what is told and kept of people: faults in check, explain and forget, and the tests that notice."""

from typing import Final

from tests.mutants.mutant import Mutant

_FORGET: Final = "tests/integration/test_forget.py"
_LATE: Final = "tests/integration/test_forget_late.py"

OF_PEOPLE: Final = (
    Mutant(
        name="check sees no whole domain",
        file="app/services/gate.py",
        edits=(('return key, key[key.index("@") :], self', "return key, key, self"),),
        killed_by="tests/integration/test_web_check.py::test_a_whole_domain_is_told_apart_from_an_address[sqlite]",
    ),
    Mutant(
        name="the claim knows nobody who was forgotten",
        file="app/store/verdicts.py",
        edits=(("[at_domain(key), pseudonym]", "[at_domain(key)]"),),
        killed_by=f"{_FORGET}::test_new_mail_to_somebody_forgotten_is_refused[sqlite-cold]",
    ),
    Mutant(
        name="explain names another application's mail",
        file="app/services/layers.py",
        edits=(("email_id=mail if mail in facts.mails else None,", "email_id=mail,"),),
        killed_by="tests/integration/test_explain.py::test_an_application_learns_of_its_own_mail_alone[sqlite]",
    ),
    Mutant(
        name="forget leaves the raw notification",
        file="app/store/erasure.py",
        edits=(('blanked.values(raw="", note=_ERASED', "blanked.values(note=_ERASED"),),
        killed_by=f"{_FORGET}::test_nothing_names_a_person_who_was_forgotten[sqlite]",
    ),
    Mutant(
        name="forget lets go of who was suppressed",
        file="app/store/erasure.py",
        edits=(("    listed = _rename_suppressions(connection, person)\n", "    listed = 0\n"),),
        killed_by=f"{_FORGET}::test_who_was_suppressed_stays_so_in_the_same_scopes[sqlite]",
    ),
    Mutant(
        name="late news brings the name back",
        file="app/services/unname.py",
        edits=(("if recipient is not None and is_pseudonym(recipient.key):", "if recipient is not None and False:"),),
        killed_by=f"{_LATE}::test_late_news_does_not_bring_the_name_back[sqlite-True]",
    ),
)
