"""Mutants of the console: what lets in who has no business there, shows too much, or is in no browser test."""

from typing import Final

from tests.mutants.mutant import Mutant

_SIGN_IN: Final = "tests/integration/users/test_sign_in.py"
_GUESSES: Final = "tests/integration/users/test_guesses.py"
_SESSIONS: Final = "tests/integration/users/test_sessions.py"
_USERS: Final = "tests/integration/users/test_users.py"
_FRAME: Final = "tests/integration/console/frame/test_frame.py"
_ACCESS: Final = "app/web/console/frame/access.py"

OF_USERS: Final = (
    Mutant(
        name="a used link works again",
        file="app/store/users/sign_in_links.py",
        edits=(
            (
                "used = delete(sign_in_links).where(works).returning(sign_in_links.c.replaces_password)",
                "used = select(sign_in_links.c.replaces_password).where(works)",
            ),
        ),
        killed_by=f"{_SIGN_IN}::test_a_link_works_once[sqlite]",
    ),
    Mutant(
        name="a link works for ever",
        file="app/store/users/sign_in_links.py",
        edits=((" & (sign_in_links.c.expires_at > now())", ""),),
        killed_by=f"{_SIGN_IN}::test_a_link_lasts_for_a_quarter_of_an_hour[sqlite]",
    ),
    Mutant(
        name="a code works twice",
        file="app/services/users/codes.py",
        edits=(("(used is None or step > used) and ", ""),),
        killed_by=f"{_SIGN_IN}::test_a_user_who_needs_codes_signs_in_with_one[sqlite]",
    ),
    Mutant(
        name="two sign-ins at once use one code",
        file="app/store/users/users.py",
        edits=(
            (
                "select(users).where(users.c.id == user_id).with_for_update()",
                "select(users).where(users.c.id == user_id)",
            ),
        ),
        killed_by=f"{_SIGN_IN}::test_of_two_sign_ins_with_one_code_one_succeeds[postgresql]",
    ),
    Mutant(
        name="a locked name may guess on",
        file="app/services/users/guesses.py",
        edits=(("if before.locked_until is not None and before.locked_until > now:", "if before.number < 0:"),),
        killed_by=f"{_GUESSES}::test_the_fifth_failure_locks_a_name_whether_it_exists_or_not[sqlite-kim]",
    ),
    Mutant(
        name="an unknown name is answered without the work",
        file="app/services/users/sign_in.py",
        edits=(
            (
                "right = self._passwords.verify(known.password_hash if known else None, password)",
                "right = known is not None and self._passwords.verify(known.password_hash, password)",
            ),
        ),
        killed_by=f"{_SIGN_IN}::test_every_refusal_says_the_same_after_the_same_work[sqlite-no_such_user]",
    ),
    Mutant(
        name="a disabled user signs in",
        file="app/services/users/sign_in.py",
        edits=(
            (
                "held is None or held.user.disabled_at is not None or held.password_hash != known.password_hash",
                "held is None or held.password_hash != known.password_hash",
            ),
        ),
        killed_by=f"{_SIGN_IN}::test_every_refusal_says_the_same_after_the_same_work[sqlite-disabled]",
    ),
    Mutant(
        name="the session of a disabled user goes on",
        file="app/services/users/users.py",
        edits=(
            (
                "users.disable(connection, user.id)\n                user_sessions.end_all(connection, user.id)",
                "users.disable(connection, user.id)",
            ),
        ),
        killed_by=f"{_SESSIONS}::test_the_session_of_a_disabled_user_has_ended[sqlite]",
    ),
    Mutant(
        name="a session lasts for ever",
        file="app/store/users/user_sessions.py",
        edits=(("user_sessions.c.ends_at > now(), user_sessions", "user_sessions"),),
        killed_by=f"{_SESSIONS}::test_a_session_ends_by_itself[sqlite-ends_at-after0]",
    ),
    Mutant(
        name="administrators disable each other until none is left",
        file="app/store/users/users.py",
        edits=((".order_by(users.c.id).with_for_update()", ".order_by(users.c.id)"),),
        killed_by=f"{_USERS}::test_two_administrators_do_not_disable_each_other_at_once[postgresql]",
    ),
    Mutant(
        name="a provider takes the role of the last administrator",
        file="app/services/users/sign_in.py",
        edits=(("is_last=user.role is Role.ADMIN and not held", "is_last=False"),),
        killed_by=f"{_USERS}::test_the_provider_takes_no_role_from_the_last_administrator[sqlite]",
    ),
    Mutant(
        name="every sign-in waits for a silent provider",
        file="app/net/openid/fetch.py",
        edits=(("        if not self._silence.is_over():", "        if False:"),),
        killed_by="tests/integration/users/test_openid_silence.py::"
        "test_a_silent_provider_is_not_asked_again_by_each_person",
    ),
)

OF_THE_CONSOLE: Final = (
    Mutant(
        name="a refused form shows the password again",
        file="app/web/console/frame/refusals/refill.py",
        edits=(
            ('{"password", "file", "hidden"}', '{"file", "hidden"}'),
            ('{"one-time-code", "current-password", "new-password"}', '{"one-time-code"}'),
        ),
        killed_by="tests/integration/console/frame/test_refused_forms.py::test_a_password_is_not_shown_again",
    ),
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
        killed_by="tests/integration/console/frame/test_reachable.py::test_a_viewer_sees_no_address_and_nothing_hostile_runs",
    ),
    Mutant(
        name="the search leads to a URL with the address",
        file="app/web/console/submission/find.py",
        edits=(("current_gateway().address_tokens.write(target.email)", "target.email"),),
        killed_by=f"{_FRAME}::test_what_the_search_finds_has_no_address_in_its_url[sqlite]",
    ),
    Mutant(
        name="every user of the console sees the path of an endpoint",
        file="app/web/console/frame/masks.py",
        edits=(("includes(Role.OPERATOR)", "includes(Role.VIEWER)"),),
        killed_by="tests/integration/console/test_webhooks.py::test_below_an_operator_only_the_host_of_a_url_is_seen[sqlite]",
    ),
    Mutant(
        name="a change that no browser test makes",
        file="app/web/console/sending/lanes.py",
        edits=(("def resume_lane(", "def resume_one_lane("),),
        killed_by="tests/e2e/console/test_every_change.py::test_every_change_is_made_in_a_browser",
    ),
)
